const datasetId = "your-dataset-id";
const cellId = "cell_1_1"; // Format: col_row

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/cells/${cellId}`,
  {
    method: "PATCH",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      value: "Updated Widget Name",
    }),
  }
);
