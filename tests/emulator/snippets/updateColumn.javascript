const datasetId = "your-dataset-id";
const columnId = "col_1";

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/columns/${columnId}`,
  {
    method: "PATCH",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      name: "updated_product_name",
      metadata: {
        extractionPrompt: "Extract the full product name including brand",
        confidence: 0.95,
      },
    }),
  }
);
