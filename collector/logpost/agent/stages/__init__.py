"""What happens to a line between its source and its delivery, a file for each step. Pure: no IO, no clock.

A new step is a file with its `Stage` (`event.py`), and its place in the list of a stream (`file_set.py` of the files).
"""
