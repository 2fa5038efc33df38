"""The pages: a file for each that makes what its template shows, and in `static/` the browser's modules.

A module asks the API for what changes: the rows, the bars.
"""
