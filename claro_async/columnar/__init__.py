"""Rows as columns: for Arrow, Parquet and files of lines."""
