"""Transactions (KIP-98, KIP-360, KIP-890): who may write under a transactional id, and how a transaction ends.

`coordinator.py` is the pure core's front door: calls in, `Outcome`s out. `service.py` is the only file that waits.
"""
