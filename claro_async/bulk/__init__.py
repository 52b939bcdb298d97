"""Bulk updates: what goes in, the record of a job, the workers, and the report."""
