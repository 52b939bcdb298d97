"""What is shipped: the wheel's contents, its metadata, and what an import costs."""
