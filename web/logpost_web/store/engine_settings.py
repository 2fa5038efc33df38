"""Settings of the engine that logpost does not leave to its defaults, nor to the profile of a server: each by its name,
with the reason. docs/store.md has the same list for operators.

`STATEMENT` goes with each statement, `INSERT` with each block of rows besides; a server that does not know one yet is
not told it. What depends on the memory that there is has `memory.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

Settings = Mapping[str, int | str]

STATEMENT: Settings = {
    # The engine lowers the threads of a search to one where its memory limit gives each less than 1 GiB.
    "max_threads_min_free_memory_per_thread": 0,
    # It refuses to drop a table or a table partition above 50 GB. Retention and rebuilds mean what they drop.
    "max_partition_size_to_drop": 0,
    "max_table_size_to_drop": 0,
    # `break` and `any` end a statement at a limit and give what there is as if it were all.
    **dict.fromkeys(
        (
            "read_overflow_mode",
            "read_overflow_mode_leaf",
            "result_overflow_mode",
            "group_by_overflow_mode",
            "sort_overflow_mode",
            "distinct_overflow_mode",
            "set_overflow_mode",
            "join_overflow_mode",
            "transfer_overflow_mode",
            "timeout_overflow_mode",
            "timeout_overflow_mode_leaf",
        ),
        "throw",
    ),
    # Which blocks of a part an earlier search found empty, by part and condition: parts never change, and a store that
    # is opened again begins with nothing. Searches of the same text without a time range are repeated in no time.
    "use_query_condition_cache": 1,
    # Skip indexes are asked before rows are read, and once. While rows are read, an index that covers eight granules is
    # read again for each: an absent word took 28 ms among 5 M rows instead of 9. And only so is what a page finds
    # empty remembered.
    "use_skip_indexes_on_data_read": 0,
    # Wide columns are read for the rows of a page alone, not for all that match: a page of all rows takes 25 ms
    # instead of 450.
    "query_plan_optimize_lazy_materialization": 1,
    # What is sorted or grouped on the disk leaves the indexer its room there.
    "min_free_disk_space_for_temporary_data": 16 * 1024 * 1024,
}

TABLE: Settings = {
    # A table opens however many of its parts are broken, and serves the others; above 100, or 1 GiB, it would not.
    "max_suspicious_broken_parts": 1_000_000,
    "max_suspicious_broken_parts_bytes": 10**15,
    # Where a checksum is wrong the engine tries which flipped bit would explain that, for a time that grows with the
    # square of the block: 4.3 s with 1 MiB, the default, 0.1 s with this; 4 % more disk.
    "max_compress_block_size": 65_536,
    # Parts that a merge has replaced go after half a minute. The engine keeps them for 8, because it does not sync what
    # it merges: while much comes in they take twice what the rows take. So merges are synced.
    "old_parts_lifetime": 30,
    "min_rows_to_fsync_after_merge": 1,
    # Two files for each column, made and synced, cost a part of one block more than its rows. Parts are one file until
    # a merge makes them larger than this. Not above that: of long messages and attributes a search reads more of such a
    # file at once than its memory may be.
    "min_bytes_for_wide_part": 20_000_000,
    # Parts that were set aside as broken are removed when their rows are back. Those of which no rows come back go
    # after 30 days; the engine keeps them for ever.
    "merge_tree_enable_clear_old_broken_detached": 1,
    "merge_tree_clear_old_broken_detached_parts_ttl_timeout_seconds": 30 * 86_400,
}
"""Of each table that holds rows, in its definition."""

INSERT: Settings = {
    # Offsets are committed when the insert has returned, so the rows must be stored by then: no buffer, and where a
    # server insists on one, wait for it.
    "async_insert": 0,
    "wait_for_async_insert": 1,
    # A block is atomic because it becomes one part: it is far below these limits, and no second thread parts it.
    "min_insert_block_size_rows": 1_048_576,
    "min_insert_block_size_bytes": 1 << 30,
    "max_insert_threads": 1,
    # Parsing ahead holds several copies of a block.
    "input_format_parallel_parsing": 0,
    # Times may be RFC 3339, but what is text among the attributes stays text.
    "date_time_input_format": "best_effort",
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_json_try_infer_numbers_from_strings": 0,
    # A record's fields are by name, and most may be left out. But a key that the engine does not know, because it is
    # written with escapes, would be another value than the one that the indexer has read: it is an error.
    "input_format_json_named_tuples_as_objects": 1,
    "input_format_json_defaults_for_missing_elements_in_named_tuple": 1,
    "input_format_json_ignore_unknown_keys_in_named_tuple": 0,
}


def clause(settings: Settings) -> str:
    """SQL: `name = value, …`."""
    return ", ".join(f"{name} = {value}" for name, value in settings.items())
