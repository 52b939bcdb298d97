"""Where a shared quota is kept: a file on one machine, or Redis for several."""
