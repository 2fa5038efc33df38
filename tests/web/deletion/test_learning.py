"""What a store learns of the topic of deletions, and what it leaves out."""

from __future__ import annotations

import json

import pytest

from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import PAUSE_MS, TRIES, Deletion
from logpost_web.deletion.erasing import Erasing
from logpost_web.deletion.learning import Learning
from logpost_web.deletion.question import read_question
from logpost_web.deletion.record import Header, encode_header, encode_part, part_key
from logpost_web.store import deleted
from logpost_web.store.store import Store

ROWS = 12


class Web:
    """One that fills a store, as its next start finds it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.book = Book(store.directory)
        self.erasing = Erasing(store, self.book)
        self.learning = Learning(store, self.book, self.erasing)

    def learn(self, records: dict[str, bytes]) -> None:
        self.erasing.begin(0)
        self.learning.learn(lambda: iter(records.items()), 0)
        self.erasing.settle(0)

    def finish(self) -> None:
        """Until nothing is left to do."""
        now = 0
        while any(one.is_open for one in self.book.all()):
            now += PAUSE_MS * 2**TRIES
            self.erasing.step(now)

    def delete(self, query: str) -> Deletion:
        _, condition, span = read_question(query, "", 0)
        name, found = Counting(self.store).count(condition, span)
        asked = Deletion(id=name, created_ms=0, who="a test", matched=found.rows)
        self.erasing.accept(asked, 0)
        return asked

    def records(self, asked: Deletion) -> dict[str, bytes]:
        parts = deleted.rows(self.store, asked.id, 2)
        header = Header(id=asked.id, rows=asked.places, created_ms=0, who="a test")
        return {
            **{part_key(asked.id, number): encode_part(rows) for number, rows in enumerate(parts)},
            asked.id: encode_header(header),
        }


@pytest.fixture
def web(store: Store) -> Web:
    rows = [
        {"Body": f"row {number % 2}", "Topic": "logs", "TopicId": "id", "Partition": 0, "Offset": number}
        | {"ArrivedAt": f"2026-11-2{number % 3}T00:00:00Z"}
        for number in range(ROWS)
    ]
    store.insert("\n".join(map(json.dumps, rows)).encode())
    return Web(store)


def seen(store: Store) -> int:
    return int(store.query("SELECT count() FROM otel_logs").rows[0][0])


def on_disk(store: Store) -> int:
    found = store.query("SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'")
    return int(found.rows[0][0])


@pytest.mark.parametrize("content", ["", '[{"id":"unknown","matched":"many"}]', "[not JSON"])
def test_a_book_that_was_lost_before_files_were_written_again_says_done_when_they_are(web: Web, content: str) -> None:
    records = web.records(web.delete('"row 1"'))
    assert (seen(web.store), on_disk(web.store)) == (ROWS // 2, ROWS)
    book = web.store.directory / "deletions.json"
    book.write_text(content) if content else book.unlink()
    again = Web(web.store)
    again.learn(records)
    [one] = again.book.all()
    while one.is_open:
        assert one.state == "running" or on_disk(web.store) == ROWS
        again.erasing.step(0)
    assert (one.state, seen(web.store), on_disk(web.store)) == ("done", ROWS // 2, ROWS // 2)


def test_what_is_long_done_and_no_more_in_the_book_is_not_learned_again(web: Web) -> None:
    asked = web.delete('"row 1"')
    records = web.records(asked)
    asked.is_recorded = True
    web.finish()
    (web.store.directory / "deletions.json").unlink()
    again = Web(web.store)
    again.learn(records)
    assert again.book.all() == []


def test_what_is_no_record_is_left_out_said_once_and_counted(web: Web, caplog: pytest.LogCaptureFixture) -> None:
    asked = web.delete('"row 1"')
    records = web.records(asked)
    for key, value in (("other", b"\xff\x00 no JSON"), (part_key(asked.id, 0), b"\xc1")):
        web.store.command("TRUNCATE TABLE otel_logs_deleted")
        (web.store.directory / "deletions.json").unlink()
        caplog.clear()
        again = Web(web.store)
        spoiled = {**records, key: value}
        again.learn(spoiled)
        again.learn(spoiled)
        assert again.learning.unread == 1
        assert caplog.text.count("a record of the topic of deletions") == 1
        [one] = again.book.all()
        again.finish()
        # Of one of which a part is unknown nobody says that it is done.
        is_whole = "/" not in key
        assert (one.state, deleted.counted(web.store)[one.id]) == (("done", 6) if is_whole else ("failed", 4)), value
        assert is_whole or "2 of its lines" in one.reason


def test_what_another_web_cancels_comes_back_also_where_the_book_does_not_know_it(web: Web) -> None:
    records = web.records(web.delete('"row 1"'))
    cancelled = Header(**{**json.loads(list(records.values())[-1]), "is_cancelled": True})
    (web.store.directory / "deletions.json").unlink()
    again = Web(web.store)
    again.learn({**records, cancelled.id: encode_header(cancelled)})
    assert (deleted.counted(web.store), again.erasing.lacks_rows) == ({}, True)


@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_deletion_that_is_cancelled_elsewhere_is_cancelled_here(web: Web, state: str) -> None:
    asked = web.delete('"row 1"')
    if state == "failed":
        asked.end("failed", 0)
    records = web.records(asked)
    cancelled = Header(**{**json.loads(records[asked.id]), "is_cancelled": True})
    web.learning.learn(lambda: iter({**records, asked.id: encode_header(cancelled)}.items()), 0)
    found = web.book.get(asked.id)
    assert found is not None
    assert (found.state, found.is_recorded, deleted.counted(web.store)) == ("cancelled", True, {})


def test_what_the_topic_lost_is_written_to_it_again(web: Web) -> None:
    hidden, cancelled = web.delete('"row 1"'), web.delete('"row 0"')
    records = {**web.records(hidden), **web.records(cancelled)}
    cancelled = web.erasing.cancel(cancelled, 0)
    for one in (hidden, cancelled):
        one.is_recorded = True
    web.finish()
    left = {key: value for key, value in records.items() if key != hidden.id}
    left[cancelled.id] = b"junk"
    for _ in range(2):
        web.learning.learn(lambda: iter(left.items()), 0)
        assert (hidden.state, hidden.is_to_be_recorded, cancelled.is_to_be_recorded) == ("done", True, True)
