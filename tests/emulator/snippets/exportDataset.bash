curl -X POST "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/export" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "format": "csv",
    "rowCount": 1000,
    "columnIds": ["col_1", "col_3", "col_4"],
    "skip": 0,
    "includeMetadata": true,
    "expiresIn": 3600
  }'
