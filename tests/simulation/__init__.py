"""Deterministic simulation: the real client above a network, a server and clocks from one seed."""
