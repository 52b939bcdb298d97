const datasetId = "your-dataset-id";
const cellId = "cell_2_1"; // Must be in a raw data column

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/cells/${cellId}/link-datasource`,
  {
    method: "POST",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      datasourceId: "existing-datasource-id",
    }),
  }
);
