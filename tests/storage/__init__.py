"""Files that are whole or not there, locks and SQLite files."""
