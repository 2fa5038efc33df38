"""Committed offsets of groups of all kinds."""
