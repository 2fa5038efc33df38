"""Offsets, consumer lag and throughput, seen through the Kafka protocol alone."""
