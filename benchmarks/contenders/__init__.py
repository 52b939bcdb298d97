"""One module for each way to do the work.

Each has ``opened(job)``, an async context manager that gives a function: it does a number of
requests and returns how many units of work were done.
"""
