"""What Kafka says: of topics and groups, and of single records."""
