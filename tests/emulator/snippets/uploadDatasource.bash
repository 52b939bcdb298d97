curl -X POST "https://secure-api.getclaro.ai/api/v2/datasets/$DATASET_ID/cells/$CELL_ID/upload-datasource" \
  -H "Authorization: Bearer YOUR_API_KEY" \
  -F "file=@document.pdf"
