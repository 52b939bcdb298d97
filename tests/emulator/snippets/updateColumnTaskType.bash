curl -X PUT "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/columns/$COLUMN_ID/task-type" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -H "Content-Type: application/json" \
  -d '{
    "taskType": "ai_enrich",
    "metadata": {
      "prompt": "Generate a detailed product description based on the product name and category"
    }
  }'
