"""kill -9 of the web again and again while all that it does goes on; each line must be there once."""
