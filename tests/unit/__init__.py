"""Each part of the package by itself."""
