"""Models and operations of Communications Mining API, version 1, without any I/O.

Written by ``openapi/generate.py`` from ``openapi/``; never edited by hand.
"""
