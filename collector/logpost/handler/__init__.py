"""`LogpostHandler`: sends the records of a Python program's `logging` to the logs topic, from a background thread."""

from logpost.handler.logging_handler import LogpostHandler

__all__ = ["LogpostHandler"]
