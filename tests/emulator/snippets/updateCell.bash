curl -X PATCH "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/cells/$CELL_ID" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "value": "Updated Widget Name"
  }'
