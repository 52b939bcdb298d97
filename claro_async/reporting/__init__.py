"""The report of a bulk update as one HTML page, and its plots."""
