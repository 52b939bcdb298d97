curl -X POST "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/cells/$CELL_ID/link-datasource" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "datasourceId": "existing-datasource-id"
  }'
