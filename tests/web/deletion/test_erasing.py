"""The store's part of deletions, on a real store."""

from __future__ import annotations

import json

import pytest

from logpost.query.syntax import parse
from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import MAX_COUNTED, Counting
from logpost_web.deletion.deletion import PAUSE_MS, TRIES, Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.question import read_question
from logpost_web.query.rows import FoundRow, rows_statement
from logpost_web.query.search import Search
from logpost_web.query.timerange import TimeRange
from logpost_web.store import deleted
from logpost_web.store.columns import LOGS
from logpost_web.store.store import Store

DAYS = 6
LINES: list[tuple[str, str, str, dict[str, object]]] = [
    ("Ada Lovelace paid", "shop", "info", {"status": 200, "ip": "10.1.2.3", "tags": ["a", "b"]}),
    ("ada paid, lovelace not", "shop", "error", {"status": 502, "ip": "10.1.9.3"}),
    ("Adam Lovelace", "nginx", "warn", {"status": "502", "app.kubernetes.io/name": "shop"}),
    ("ADA LOVELACE", "nginx", "", {"user": {"name": "ada"}}),
    ("nothing of it", "shop", "debug", {"status": 404, "tags": ["c"]}),
    ("ünïcode Ada Lovelace ß", "other", "fatal", {}),
]
QUERIES = [
    "ada",
    '"ada lovelace"',
    "message:/A[dD][aA]/",
    "status:>=500",
    "status:502",
    "tags:b",
    "ip:10.1.2.3",
    "ip:10.*",
    '"app.kubernetes.io/name":shop',
    "user.name:ada",
    "service:shop -ada",
    "level:>=warn OR tags:c",
    "NOT (service:shop OR service:nginx)",
    "lovel*",
    "trace_id:*",
    "*",
]


@pytest.fixture
def lines(store: Store) -> Store:
    """Line n is of n seconds after 10:00. They arrived on several days, and so lie in several table partitions."""
    rows = [
        {
            "Timestamp": f"2026-11-22T10:00:0{number}Z",
            "Body": message,
            "ServiceName": service,
            "SeverityText": level,
            "LogAttributes": attributes,
            "Topic": "logs",
            "TopicId": "id",
            "Partition": number % 2,
            "Offset": number,
            "ArrivedAt": f"2026-11-2{number % 3}T00:00:00Z",
        }
        for number, (message, service, level, attributes) in enumerate(LINES)
    ]
    store.insert("\n".join(map(json.dumps, rows)).encode())
    return store


def search(store: Store, query: str, before_ns: int | None = None) -> set[int]:
    asked = Search(text=query, query=parse(query), time_range=TimeRange(end_ns=before_ns), limit=100)
    statement = rows_statement(asked, LOGS)
    return {FoundRow(*row).offset for row in store.query(statement.sql, statement.parameters).rows}


def delete(store: Store, erasing: Erasing, query: str, before: str = "") -> Deletion:
    _, condition, span = read_question(query, before, 0)
    name, found = Counting(store).count(condition, span)
    asked = Deletion(id=name, created_ms=0, who="a test", matched=found.rows)
    erasing.accept(asked, 0)
    return asked


def finish(erasing: Erasing, book: Book) -> None:
    while any(one.is_open and one.units for one in book.all()):
        erasing.step(0)


@pytest.mark.parametrize("query", QUERIES)
def test_what_was_found_goes_and_its_neighbours_stay(lines: Store, query: str) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    before = "2026-11-22T10:00:04Z"  # line 4 is of that time, and stays
    found = search(lines, query, 1795341604 * 10**9)
    assert found <= {0, 1, 2, 3}
    assert delete(lines, erasing, query, before).matched == len(found)
    assert search(lines, "") == set(range(len(LINES))) - found
    finish(erasing, book)
    assert search(lines, "") == set(range(len(LINES))) - found
    assert lines.query("SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'").rows == [
        (len(LINES) - len(found),)
    ]


def test_one_that_keeps_failing_ends_and_those_behind_it_go_on(lines: Store) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    broken = Deletion(id="never-counted", created_ms=0, who="a test", matched=3)
    erasing.accept(broken, 0)
    assert (broken.state, broken.tries) == ("waiting", 1)
    assert delete(lines, erasing, "nothing").state == "running"
    now = 0
    for _ in range(TRIES):
        now += PAUSE_MS * 2**TRIES
        erasing.step(now)
    assert broken.state == "failed"
    assert broken.reason
    assert len(search(lines, "")) == len(LINES) - 1
    assert Book(lines.directory).get("never-counted") == broken


def test_a_process_that_ends_in_each_try_ends_the_deletion(lines: Store) -> None:
    _, condition, span = read_question("ada", "", 0)
    name, found = Counting(lines).count(condition, span)
    book = Book(lines.directory)
    book.put(Deletion(id=name, created_ms=0, who="a test", matched=found.rows, tries=TRIES))
    again = Book(lines.directory)
    Erasing(lines, again).settle(0)
    left = again.get(name)
    assert left is not None
    assert left.state == "failed"
    assert len(search(lines, "")) == len(LINES)


def test_killed_after_it_was_accepted_it_goes_on(lines: Store) -> None:
    _, condition, span = read_question("ada", "", 0)
    name, found = Counting(lines).count(condition, span)
    Book(lines.directory).put(Deletion(id=name, created_ms=0, who="a test", matched=found.rows))
    again = Book(lines.directory)
    erasing = Erasing(lines, again)
    erasing.begin(0)
    erasing.settle(0)
    assert len(search(lines, "")) == len(LINES) - found.rows
    finish(erasing, again)
    assert deleted.counted(lines) == {name: found.rows}


def test_of_many_counts_the_oldest_is_forgotten(lines: Store) -> None:
    counting = Counting(lines)
    _, condition, span = read_question("ada", "", 0)
    names = [counting.count(condition, span)[0] for _ in range(MAX_COUNTED + 1)]
    assert deleted.matched(lines) == set(names[1:])
    assert counting.take(names[0]) is None
    assert counting.take(names[1]) is not None
    assert counting.take(names[1]) is None


def test_many_rows_are_hidden_in_slices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted, "SLICE_ROWS", 10)
    rows = [
        {"Body": f"row {number % 2}", "Topic": "logs", "TopicId": "id", "Partition": number % 3, "Offset": number // 3}
        for number in range(200)
    ]
    store.insert("\n".join(map(json.dumps, rows)).encode())
    erasing = Erasing(store, Book(store.directory))
    assert delete(store, erasing, '"row 1"').matched == 100
    assert store.query("SELECT DISTINCT Body, count() FROM otel_logs GROUP BY Body").rows == [("row 0", 100)]
