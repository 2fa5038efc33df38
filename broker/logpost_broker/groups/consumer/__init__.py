"""Consumer groups of the new protocol (KIP-848): the broker assigns, members reconcile by heartbeats.

The classic protocol is beside, in `groups/`. Both share one journal, one set of timers and the committed offsets.
"""
