"""Consumer groups of the new protocol (KIP-848): the broker assigns, members reconcile by heartbeats.

`groups/classic/` has the classic protocol. Both share one journal, one set of timers and the committed offsets.
"""
