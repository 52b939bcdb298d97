"""Models and operations of Claro API, version 2, without any I/O.

Written by ``openapi/generate.py`` from ``openapi/``; never edited by hand.
"""
