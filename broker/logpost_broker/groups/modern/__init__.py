"""What consumer, share and streams groups have in common: a group is the newest record of each of its keys.

The records come in whatever order. Kafka's ModernGroup.
"""
