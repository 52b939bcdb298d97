curl -X GET "https://secure-api.getclaro.ai/api/v2/datasets?page=1&limit=20" \
  -H "Authorization: Bearer YOUR_API_KEY"
