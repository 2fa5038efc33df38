"""`logpost broker export` and `import`: logs move to Apache Kafka's directories and back; both are stopped."""
