const datasetId = "your-dataset-id"; // Replace with your dataset ID

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}`,
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
