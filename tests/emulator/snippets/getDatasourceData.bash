curl -X GET "https://secure-api.getclaro.ai/api/v2/datasources/$DATASOURCE_ID/data?page=1&limit=50" \
  -H "Authorization: Bearer YOUR_API_KEY"
