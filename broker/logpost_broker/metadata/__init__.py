"""What the broker knows beside the records: topics, settings, quotas, users."""
