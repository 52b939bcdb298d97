"""The specifications, the packages generated from them, and the samples of the documents."""
