"""Files: found, read, followed through rotation."""
