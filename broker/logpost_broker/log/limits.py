"""What opening one batch may cost: on the way in, in a lookup, in compaction. Batches that are in a log already
may be from an older release, or imported, and are no better than what comes. And how many writers of batches a
log remembers.
"""

from __future__ import annotations

MAX_RECORDS_BYTES = 100_000_000
"""What the records of one batch may unpack to. Consumers of librdkafka unpack no more of zstd (their default of
`receive.message.max.bytes`), the indexer among them: what is larger would be acknowledged and never read. Of the other
codecs they unpack whatever comes: this bounds their memory too."""
MAX_UNSIZED_BYTES = MAX_RECORDS_BYTES // 3
"""The same for zstd that does not say how much it is: librdkafka guesses, and triples its guess up to the limit."""
UNPACKED_AT_ONCE_BYTES = 8 * 1024 * 1024
"""What unpacks to more does so alone in the process (`unpacking.py`)."""
MAX_BATCH_RECORDS = 1_000_000
"""The most that librdkafka puts into a batch. A few bytes that claim more are no batch of logs."""
PIECE_BYTES = 1024 * 1024
"""Records that aiokafka's reader is given at once: for one record, however many headers it has, it keeps the GIL."""
MAX_RECORD_HEADERS = PIECE_BYTES // 2
"""Of one record: as many as a piece has room for. Two bytes make a header, which takes a hundred when it is read."""

MAX_PRODUCERS_OF_PARTITION = 10_000
"""Idempotent producers that one partition remembers: 400 bytes each, 1,100 with five batches. A new one makes it forget
the tenth that was silent for longest, as if its day were over, but for those in a transaction."""
MAX_PRODUCERS = 500_000
"""The same for all partitions (`upkeep/producer_expiration.py`)."""
