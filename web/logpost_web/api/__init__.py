"""The HTTP API: a file for each family of addresses, with their endpoints."""
