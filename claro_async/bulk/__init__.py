"""Bulk updates: what goes in, the window of open edits, the workers, and the report."""
