"""What runs in the background: retention and compaction."""
