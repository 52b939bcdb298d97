curl -X DELETE "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID" \
  -H "Authorization: Bearer YOUR_API_KEY"
