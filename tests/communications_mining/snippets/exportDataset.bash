curl -X POST 'https://<my_api_endpoint>/api/v1/datasets/<project>/example/export' \
    -H "Authorization: Bearer $REINFER_TOKEN" \
    -H "Content-Type: application/json" \
    -d '{
  "limit": 1
}'
