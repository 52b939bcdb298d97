curl -X PATCH "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/columns/$COLUMN_ID" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "updated_product_name",
    "metadata": {
      "extractionPrompt": "Extract the full product name including brand",
      "confidence": 0.95
    }
  }'
