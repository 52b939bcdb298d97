curl -X POST "https://secure-api.getclaro.ai/api/v2/datasources/$DATASOURCE_ID/download" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{"expiresIn": 3600}'
