"""From a line to the broker's acknowledgement: its record, the producer, and the positions that are saved.

`records.py` makes the record's JSON (`oversize.py` cuts what is too large), `publish.py` gives it to librdkafka,
`acks.py` knows the contiguous part that is acknowledged, `positions.py` saves no more than that.
"""
