"""`/api/histogram`: the answer's shape is a contract."""

from __future__ import annotations

from tests.web.api.conftest import Get

MINUTE = {"start": "2026-11-22T10:50:30Z", "end": "2026-11-22T10:51:30Z"}


def test_bars_by_level_with_zeros_between(get: Get) -> None:
    body = get("/api/histogram", buckets=12, **MINUTE).json()
    assert set(body) == {"interval", "total", "buckets"}
    assert (body["interval"], body["total"], len(body["buckets"])) == (5, 3, 12)
    assert body["buckets"][5] == {"start": "2026-11-22T10:50:55.000000000Z", "count": 0, "by": {}}
    assert body["buckets"][6] == {
        "start": "2026-11-22T10:51:00.000000000Z",
        "count": 3,
        "by": {"error": 1, "info": 1, "": 1},
    }


def test_bars_by_another_field(get: Get) -> None:
    body = get("/api/histogram", buckets=1, by="service", **MINUTE).json()
    assert body["buckets"][-1]["by"] == {"nginx": 2, "app": 1}


def test_only_what_matches_is_counted(get: Get) -> None:
    assert get("/api/histogram", q="host:web-1", **MINUTE).json()["total"] == 2


def test_an_open_side_ends_at_the_lines_themselves(get: Get) -> None:
    body = get("/api/histogram", buckets=100).json()
    assert body["total"] == 3
    assert body["buckets"][0]["start"] == "2026-11-22T10:51:00.000000000Z"
    assert body["buckets"][0]["count"] == body["buckets"][-1]["count"] == 1


def test_nothing_found_in_an_open_range_has_no_bars(get: Get) -> None:
    assert get("/api/histogram", q="nosuchword").json() == {"interval": 0, "total": 0, "buckets": []}


def test_bars_lie_on_the_days_of_the_reader(get: Get) -> None:
    days = {"start": "2026-11-20T12:00:00Z", "end": "2026-11-24T12:00:00Z", "buckets": 4}
    body = get("/api/histogram", tz="Asia/Kolkata", **days).json()
    assert [bar["start"][:16] for bar in body["buckets"]] == [f"2026-11-{day}T18:30" for day in (19, 20, 21, 22, 23)]
    assert [bar["count"] for bar in body["buckets"]] == [0, 0, 3, 0, 0]
    assert (body["start"], body["end"]) == ("2026-11-20T12:00:00.000000000Z", "2026-11-24T12:00:00.000000000Z")
    assert get("/api/histogram", **days).json()["buckets"][0]["start"] == "2026-11-20T00:00:00.000000000Z"


def test_malformed_arguments_are_named(get: Get) -> None:
    assert get("/api/histogram", by="message").json()["error"]["message"].startswith("by is one of level, service")
    assert get("/api/histogram", buckets="1001").status == 400
    for zone in ("Mars/Olympus", "../etc/passwd", "Europe", "x\x00y"):
        assert get("/api/histogram", tz=zone).json()["error"]["message"].startswith("tz is a time zone such as")
    assert get("/api/histogram", strat="-1h").json()["error"]["message"].startswith("there is no parameter 'strat'")
    assert get("/api/search", q="a", tz="UTC").status == 400
