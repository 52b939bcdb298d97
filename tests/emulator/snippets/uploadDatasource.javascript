const datasetId = "your-dataset-id";
const cellId = "cell_2_1"; // Must be in a raw data column
const fileInput = document.getElementById("fileInput");
const formData = new FormData();

formData.append("file", fileInput.files[0]);

const response = await fetch(
  `https://secure-api.getclaro.ai/api/v2/datasets/${datasetId}/cells/${cellId}/upload-datasource`,
  {
    method: "POST",
    headers: {
      Authorization: "Bearer YOUR_API_KEY",
    },
    body: formData,
  }
);
