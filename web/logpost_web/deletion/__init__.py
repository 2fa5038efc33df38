"""Deleting rows for good: what is asked for and how far it is, how the store loses it, and the topic others read."""
