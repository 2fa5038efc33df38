"""Groups of all kinds, a folder for each, and here what joins them: one coordinator and one journal.

`coordinator.py` is the pure core's front door: calls in, `Outcome`s out. `service.py` is the only file that waits. The
journal is `__consumer_offsets`.
"""
