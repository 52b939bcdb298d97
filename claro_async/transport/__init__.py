"""Requests with retries, quota and events; `session` is the client's only import of aiohttp."""
