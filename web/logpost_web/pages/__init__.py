"""The pages: a file for each that makes what its template shows, and in `static/` the browser's modules.

A page's own data is a context in its file (`search_page.py`). What changes, its modules ask the API for: rows, bars.
"""
