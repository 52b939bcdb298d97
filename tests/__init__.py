"""The tests of claro-async; they run against the installed package."""
