curl -X GET 'https://<my_api_endpoint>/api/v1/datasets' \
    -H "Authorization: Bearer $REINFER_TOKEN"
