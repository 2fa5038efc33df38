"""Streams groups (KIP-1071): the broker knows the topology of a Kafka Streams application and gives its members tasks.

It makes the application's internal topics. A pure core as `groups/consumer/`: events in, actions out, time is passed
in; journal, timers and offsets are those of `groups/`.
"""
