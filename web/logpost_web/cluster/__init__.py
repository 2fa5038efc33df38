"""What Kafka says of topics, groups and single records, the same for pages, API and exporter."""
