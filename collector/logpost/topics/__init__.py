"""`logpost topics`: topics of any Kafka from a terminal: made, listed, described, deleted, written to and read."""
