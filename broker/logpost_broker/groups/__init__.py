"""Consumer groups: the classic group protocol, committed offsets, and their journal in `__consumer_offsets`.

`coordinator.py` is the pure core's front door: calls in, `Outcome`s out. `service.py` is the only file that waits.
"""
