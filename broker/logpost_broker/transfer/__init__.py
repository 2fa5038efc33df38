"""`logpost broker export` and `import`: move logs to Apache Kafka's directories and back, while both are stopped."""
