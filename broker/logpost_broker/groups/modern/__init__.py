"""What the groups of the newer protocols have in common (consumer: KIP-848, share: KIP-932, streams: KIP-1071): records
of which the newest of each key makes the group, in whatever order they come. Kafka's ModernGroup."""
