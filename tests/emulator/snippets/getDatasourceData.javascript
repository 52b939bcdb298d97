const datasourceId = "your-datasource-id"; // Replace with your datasource ID
const params = new URLSearchParams({
  page: 1,
  limit: 50,
});

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasources/${datasourceId}/data?${params}`,
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
