"""Files up and down, and waiting for what the server makes of them."""
