"""What runs in the background: retention, compaction, and forgetting idempotent producers."""
