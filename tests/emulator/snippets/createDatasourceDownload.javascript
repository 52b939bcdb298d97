const datasourceId = "your-datasource-id"; // Replace with your datasource ID

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasources/${datasourceId}/download`,
  {
    method: "POST",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      expiresIn: 3600, // 1 hour
    }),
  }
);
