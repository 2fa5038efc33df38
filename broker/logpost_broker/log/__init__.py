"""The log of one partition: batches, indexes, segments, producers' sequences, recovery, compaction. No clock.

- In: `produced.py` checks a batch, `record_check.py` its records (`equal_records.py` those of one size, by columns),
  and `recompress.py` compresses it. `partition_log.py` appends it: sequences in `producers.py`, bytes in
  `segment.py`, of which `segments.py` has all in their order.
- Out: `index.py` and `time_lookup.py` find it, `checked.py` believes no batch before it has checked it once,
  `transactions.py` says how far readers of committed records may see.
- At the start: `recovery.py`, or `closed_log.py` after a clean end.
- Away: `retention.py` and `compaction.py` plan; `cleaning.py` and `segment_swap.py` compact.
- All that touches the file system goes through `files.py`, by the calls of `system.py`: tests put others in their
  place.
"""
