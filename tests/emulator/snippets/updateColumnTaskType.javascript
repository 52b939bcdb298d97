const datasetId = "your-dataset-id";
const columnId = "col_1";

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/columns/${columnId}/task-type`,
  {
    method: "PUT",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      taskType: "ai_enrich",
      metadata: {
        prompt:
          "Generate a detailed product description based on the product name and category",
      },
    }),
  }
);
