curl -X GET "https://secure-api.getclaro.ai/api/v2/datasources/$DATASOURCE_ID" \
  -H "Authorization: Bearer YOUR_API_KEY"
