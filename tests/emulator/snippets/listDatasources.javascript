const params = new URLSearchParams({
  page: 1,
  limit: 20,
});

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasources?${params}`,
  {
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
  }
);
