"""The wire without I/O: an operation becomes a request, a reply becomes a value or an error."""
