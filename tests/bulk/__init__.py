"""Bulk updates: what is sent, what is not, and what is said of it."""
