const datasetId = "your-dataset-id"; // Replace with your dataset ID
const params = new URLSearchParams({
  page: 1,
  limit: 50,
});

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/data?${params}`,
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
