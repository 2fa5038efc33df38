"""What the agent counts, and how it shows it to Prometheus."""
