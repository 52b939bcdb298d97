curl -X PUT 'https://<my_api_endpoint>/api/v1/datasets/<project>/example' \
    -H "Authorization: Bearer $REINFER_TOKEN" \
    -H "Content-Type: application/json" \
    -d '{
  "dataset": {
    "description": "An optional long form description.",
    "model_family": "english",
    "source_ids": [
      "18ba5ce699f8da1f"
    ],
    "title": "An Example Dataset"
  }
}'
