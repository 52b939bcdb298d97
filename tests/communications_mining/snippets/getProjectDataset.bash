curl -X GET 'https://<my_api_endpoint>/api/v1/datasets/<project>/example' \
    -H "Authorization: Bearer $REINFER_TOKEN"
