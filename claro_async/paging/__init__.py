"""Pages and rows of datasets and data sources, and the streams that read them ahead."""
