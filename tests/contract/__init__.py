"""What the parts of the project must agree on."""
