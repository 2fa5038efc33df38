"""Lag and offsets for Prometheus."""
