"""The log of one partition: record batches, indexes, segments, producer sequences, recovery. No sockets, no clock."""
