"""`LogpostHandler`: sends the records of a Python program's `logging` to the logs topic, from a background thread.

`logging_handler.py` takes a record in the application's thread, `records.py` reads it (`values.py` its values),
`outbox.py` numbers it without a lock, `sender.py` sends it. `endings.py` knows how processes end.
"""

from logpost.handler.logging_handler import LogpostHandler

__all__ = ["LogpostHandler"]
