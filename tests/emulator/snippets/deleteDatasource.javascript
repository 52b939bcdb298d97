const datasourceId = "your-datasource-id"; // Replace with your datasource ID

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasources/${datasourceId}`,
  {
    method: "DELETE",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
