"""What clients may set, and ask for: of topics, groups, the broker, its loggers and client metrics."""
