"""The HTTP API: one file per family of addresses, each with its endpoints."""
