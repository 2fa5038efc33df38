"""All partitions together: where they lie, what is appended to them, and when it is on the disk.

`partitions.py` is what the rest of the broker asks. `directory.py` has the logs, `partition_directories.py` where
they lie, `checkpoint_file.py` what is saved of all of them; `appender.py` keeps the order of what is written to one,
`flusher.py` syncs once for all that wait, `internal_log.py` is what a coordinator keeps its state in.
"""
