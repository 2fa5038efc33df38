"""What the indexer counts."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("logpost_indexer_rows", "Rows inserted into the store.")
KNOWN_OFFSETS = Counter("logpost_indexer_known_offsets", "Messages dropped because the store had their offset.")
KNOWN_RANGES = Counter("logpost_indexer_known_ranges", "Records dropped because the store had their line.")
CONFLICTS = Counter(
    "logpost_indexer_stream_conflicts",
    "Records indexed although the store had some of their bytes: another life of their stream.",
)
POISON = Counter("logpost_indexer_poison", "Rows with attributes that the store could take as text only.")
TRUNCATED = Counter("logpost_indexer_truncated", "Rows whose message or attributes were cut at a limit of [store].")
FAILURES = Counter("logpost_indexer_failures", "Tries that the store or the broker failed; each was repeated.")
DAMAGE = Counter("logpost_indexer_store_damage", "Damage of the store that was found, by what it is.", ["what"])
STORE_LACKS = Counter("logpost_indexer_store_lacks_rows", "Rows that the store once had, and a look did not find.")
STORE_LOST = Counter("logpost_indexer_store_lost_rows", "Rows that the store lost and that the topic has no more.")
PAST = Counter("logpost_indexer_past_rows", "Records left out because they are older than rows of their kind are kept.")
LIVES = Counter("logpost_indexer_topic_lives", "Partitions whose log was put back: offsets that are stored came again.")
OLDER_ROWS = Gauge("logpost_indexer_older_rows", "Rows that still lie in the layout of an older release.")
REFILL = Gauge("logpost_indexer_refill_records", "Records that the store lacks and had, and that are read again.")
RETENTION_ROWS = Counter("logpost_retention_dropped_rows", "Rows that retention dropped, by why.", ["why"])
RETENTION_BYTES = Counter("logpost_retention_dropped_bytes", "What whole units took that retention dropped.", ["why"])
RETENTION_FAILURES = Counter("logpost_retention_failures", "Looks of retention at which something failed.")
RETENTION_LOOKED = Gauge("logpost_retention_last_look_timestamp_seconds", "When retention last looked at the store.")
RETENTION_DUE = Gauge("logpost_retention_due", "Units of the store, or parts of them, that are to be dropped now.")
RETENTION_OVERDUE = Gauge(
    "logpost_retention_overdue_seconds", "For how long something is to be dropped and is not; 0 while nothing is."
)
STORE_BYTES = Gauge("logpost_store_allocated_bytes", "What the store's directory takes of its disk.")
RETENTION_AHEAD = Gauge(
    "logpost_retention_clock_ahead_seconds", "By how much the box's clock is ahead of what retention believes."
)
STORE_FREE_BYTES = Gauge("logpost_store_free_bytes", "What is free on the store's disk.")
STORE_MAX_BYTES = Gauge("logpost_store_max_bytes", "What store and topics may take of the disk: store.max_bytes.")
SECONDS_LEFT = Gauge(
    "logpost_store_left_seconds", "Until the oldest must go for room, at the rate of the last day; +Inf without any."
)
DELETIONS_OPEN = Gauge("logpost_deletions_open", "Deletions that are not done.")
DELETIONS_FAILED = Gauge("logpost_deletions_failed", "Deletions that failed; `logpost store delete --list` says why.")
DELETIONS_UNREAD = Gauge(
    "logpost_deletions_unread",
    "Records of the topic of deletions, entries of the file, that nobody can read.",
    ["where"],
)
INSERT_SECONDS = Histogram("logpost_indexer_insert_seconds", "Time to insert a block.")
BEHIND = Gauge("logpost_indexer_behind_records", "Records in the topics that are not in the store yet.")
STEPPED_OVER = Counter(
    "logpost_indexer_stepped_over_records", "Records that could not be indexed; `complete` names them."
)
