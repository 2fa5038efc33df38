"""What the broker knows besides the records: topics and their settings, quotas, users."""
