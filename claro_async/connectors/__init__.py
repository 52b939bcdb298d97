"""Connections to other systems; each needs the extra that it names, and is imported by itself."""
