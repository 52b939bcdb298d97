"""The quota of a key: used to the last request, without a 429."""
