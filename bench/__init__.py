"""Benchmarks: every claim about speed is a command here. See README.md."""
