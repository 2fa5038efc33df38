"""The log of one partition: batches, indexes, segments, producers' sequences, recovery, compaction. No clock."""
