const datasetId = "your-dataset-id";

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/export`,
  {
    method: "POST",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
      "Content-Type": "application/json",
    },
    body: JSON.stringify({
      format: "csv",
      rowCount: 1000,
      columnIds: ["col_1", "col_3", "col_4"],
      skip: 0,
      includeMetadata: true,
      expiresIn: 3600,
    }),
  }
);
