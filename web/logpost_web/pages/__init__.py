"""The pages: server-rendered shells, and in `static/` the browser's own modules that fill them."""
