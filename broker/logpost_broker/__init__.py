"""The embedded broker: a single node that speaks the Kafka protocol and stores Kafka's own segment files."""
