"""`/api/store/stats` over a real store; retention itself is tested where it works."""

from logpost_web.api.store_stats import stats
from logpost_web.indexer.retention_state import ClassSize, Dropped, RetentionState, Waiting
from logpost_web.store.stats import contents
from tests.web.api.conftest import Get


def test_it_says_what_is_there(get: Get) -> None:
    answer = get("/api/store/stats")
    assert answer.status == 200
    found = answer.json()
    assert {one["service"]: one["rows"] for one in found["contents"]["services"]} == {"nginx": 2, "app": 1}
    assert found["contents"]["rows"] == 3
    assert (found["retention"]["due"], found["retention"]["error"]) == (0, "")
    assert get("/api/store/stats?x=1").status == 400


def test_what_retention_did_and_what_waits() -> None:
    state = RetentionState(
        looked_ms=1_796_000_000_000,
        days_left=3.14159,
        dropped=Dropped(rows=9, bytes=8).and_then(3, 4, 5).and_then(1, 1, 5),
        waiting=Waiting(why="the clock", rows=1, bytes=2, oldest_ms=1000, until_ms=0),
        classes=(ClassSize(query=None, keep_ms=1, rows=2, bytes=3),),
        error="full",
    )
    found = stats(state, contents([], [], [[0]]))
    assert found.days_left == 3.14
    retention = found.retention
    assert (retention.dropped_rows, retention.dropped_bytes, retention.last_rows, retention.last_bytes) == (
        13,
        13,
        4,
        5,
    )
    assert (retention.last_look, retention.error) == ("2026-11-30T00:53:20.000000000Z", "full")
    assert retention.waiting is not None
    assert retention.waiting.until is None
    assert retention.classes[0].query is None
