"""All partitions together: where they lie, what is appended to them, and when it is on the disk."""
