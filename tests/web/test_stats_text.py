"""What `logpost store stats` prints."""

import msgspec

from logpost_web.api.store_stats import Retention, RetentionClass, Stats, WouldGo
from logpost_web.stats_text import stats_lines
from logpost_web.store.stats import Column, Contents, Day, Service

HELD = Contents(
    rows=1_234_567,
    message_bytes=10**9,
    bytes=5 * 10**7,
    ratio=20.0,
    bytes_per_day=5 * 10**7,
    services=[
        Service(
            service="noisy", rows=1_000_000, message_bytes=9 * 10**8, share=0.9, bytes=45 * 10**6, bytes_per_day=10**6
        ),
        Service(service="", rows=234_567, message_bytes=10**8, share=0.1, bytes=5 * 10**6, bytes_per_day=999),
    ],
    days=[Day(day="2026-11-30", rows=1_234_567, message_bytes=10**9, bytes=5 * 10**7)],
    columns=[Column(column="Body", bytes=4 * 10**7, uncompressed_bytes=8 * 10**8, ratio=20.0)],
)
RETENTION = Retention(
    last_look="2026-11-30T12:00:00Z",
    last_dropped="2026-11-30T11:00:00Z",
    last_rows=5,
    last_bytes=2000,
    dropped_rows=5,
    dropped_bytes=2000,
    due=0,
    due_since=None,
    error="no room",
    waiting=WouldGo(reason="a setting was changed", rows=7, bytes=10, oldest="x", until="2026-11-30T12:10:00Z"),
    classes=[
        RetentionClass(query="level:debug", keep_ms=3 * 86_400_000, rows=10, bytes=100),
        RetentionClass(query="", keep_ms=14 * 86_400_000, rows=10, bytes=100),
        RetentionClass(query=None, keep_ms=1, rows=10, bytes=100),
    ],
)


def test_a_web_that_runs_says_all() -> None:
    found = Stats(
        allocated_bytes=60 * 10**6,
        topics_bytes=10**6,
        max_bytes=7 * 10**11,
        disk_bytes=10**12,
        oldest=None,
        days_left=12.34,
        contents=HELD,
        retention=RETENTION,
    )
    assert list(stats_lines(msgspec.to_builtins(found))) == [
        "1,234,567 rows in 60.0 MB of 700.0 GB (store.max_bytes)",
        "messages of 1.0 GB in 50.0 MB, 20.0 times smaller: 41 bytes a row, 50.0 MB a day",
        "topics on the same disk: 1.0 MB",
        "days until the oldest go for room: 12.3",
        "kept 3 days: level:debug: 10 rows, 100 B",
        "kept 14 days: all other rows: 10 rows, 100 B",
        "kept 1.15741e-08 days: rows from before the rules changed: 10 rows, 100 B",
        "dropped last: 5 rows, 2.0 kB, at 2026-11-30T11:00:00Z",
        "to be dropped at 2026-11-30T12:10:00Z: up to 7 rows, 10 B: a setting was changed",
        "retention fails: no room",
        "",
        "service       rows  share     disk   a day",
        "noisy    1,000,000  90.0%  45.0 MB  1.0 MB",
        "-          234,567  10.0%   5.0 MB   999 B",
        "",
        "day              rows     disk",
        "2026-11-30  1,234,567  50.0 MB",
        "",
        "column     disk  ratio",
        "Body    40.0 MB   20.0",
    ]


def test_of_a_store_that_is_stopped_it_says_what_is_there() -> None:
    empty = Contents(rows=0, message_bytes=0, bytes=0, ratio=0, bytes_per_day=0, services=[], days=[], columns=[])
    found = {"allocated_bytes": 0, "max_bytes": 5, "disk_bytes": 9, "contents": msgspec.to_builtins(empty)}
    assert list(stats_lines(found)) == ["0 rows in 0 B of 5 B (store.max_bytes)"]
