"""The HTTP API: a file for each family of addresses, with their endpoints.

An endpoint has a search made of its arguments, runs the statement (`queries.py`), and makes an answer of the rows,
which says how complete it is (`completeness.py`).
"""
