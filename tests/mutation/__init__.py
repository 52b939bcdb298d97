"""Mutation testing: whether a test fails when a line of the library says something else."""
