"""The store's part of deletions, on a real store."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from logpost.query.syntax import parse
from logpost_web.deletion import erasing as erasing_module
from logpost_web.deletion.book import Book
from logpost_web.deletion.counting import Counting
from logpost_web.deletion.deletion import KILLED_HIDING, KILLED_REMOVING, MAX_PAUSE_MS, PAUSE_MS, TRIES, Deletion
from logpost_web.deletion.erasing import RESERVE_BYTES, Erasing
from logpost_web.deletion.question import read_question
from logpost_web.query.rows import FoundRow, rows_statement
from logpost_web.query.search import Search
from logpost_web.query.timerange import TimeRange
from logpost_web.store import deleted
from logpost_web.store.columns import LOGS
from logpost_web.store.disk import FileSystem
from logpost_web.store.errors import QueryError
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


def begun(store: Store) -> tuple[Book, Erasing]:
    """As the next start finds it."""
    book = Book(store.directory)
    erasing = Erasing(store, book)
    erasing.begin(0)
    erasing.adopt(0)
    erasing.settle(0)
    return book, erasing


def broken(*_: object) -> None:
    raise QueryError("the connection broke, and said Lovelace")


def lines_seen(store: Store) -> set[int]:
    return search(store, "")


def test_one_that_was_killed_in_each_try_when_half_of_it_was_hidden_is_given_back(lines: Store) -> None:
    _, condition, span = read_question("ada", "", 0)
    name, found = Counting(lines).count(condition, span)
    book = Book(lines.directory)
    asked = Deletion(id=name, created_ms=0, who="a test", matched=found.rows, tries=TRIES, is_counted_out=True)
    deleted.take(lines, name)
    deleted.hide(lines, [name], deleted.to_hide(lines, [name])[0])
    book.put(asked)
    again, erasing = begun(lines)
    left = again.get(name)
    assert left is not None
    assert (left.state, left.reason, left.holds, left.is_over) == ("failed", KILLED_HIDING, False, True)
    assert (deleted.counted(lines), deleted.matched(lines), erasing.lacks_rows) == ({}, set(), True)


def test_rows_of_one_that_failed_after_they_were_hidden_stay_hidden_and_the_next_start_goes_on(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = lines_seen(lines)
    lines.command("CREATE TABLE older AS otel_logs")
    lines.command("INSERT INTO older SELECT * FROM otel_logs")
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "nothing")
    with monkeypatch.context() as patched:
        patched.setattr(deleted, "begin_removal", broken)
        for number in range(TRIES):
            erasing.step(number * MAX_PAUSE_MS)
    assert (asked.state, asked.holds, asked.is_to_be_recorded) == ("failed", True, True)
    assert "Lovelace" not in asked.reason
    lines.command("TRUNCATE TABLE otel_logs")
    lines.command("INSERT INTO otel_logs SELECT * FROM older")
    lines.command("DROP TABLE older")
    erasing.settle(0)
    assert lines_seen(lines) == everything - {4}
    again, erasing = begun(lines)
    finish(erasing, again)
    assert lines.query("SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'").rows == [(5,)]


@pytest.fixture
def stopped_mutations(lines: Store) -> Iterator[None]:
    lines.command("SYSTEM STOP MERGES otel_logs")
    yield
    lines.command("SYSTEM START MERGES otel_logs")


def test_what_ended_the_process_each_time_is_not_begun_again(lines: Store, request: pytest.FixtureRequest) -> None:
    book = Book(lines.directory)
    asked = delete(lines, Erasing(lines, book), "ada OR nothing")
    asked.tries = TRIES
    book.save()
    request.getfixturevalue("stopped_mutations")
    assert len(asked.units) == 3
    for unit in asked.units[:2]:
        deleted.begin_removal(lines, unit)
    for _ in range(2):
        [left] = begun(lines)[0].all()
        assert (left.state, left.reason, left.holds) == ("failed", KILLED_REMOVING, True)
        assert deleted.removals(lines, asked.units) == []
    cancelled = Erasing(lines, Book(lines.directory)).cancel(left, 0)
    assert (cancelled.state, deleted.counted(lines)) == ("cancelled", {})


def test_a_statement_that_hid_rows_when_the_process_ended_is_ended_with_it(
    lines: Store, request: pytest.FixtureRequest
) -> None:
    """The engine goes on with it at each start, also where it ends the process."""
    asked = delete(lines, Erasing(lines, Book(lines.directory)), "nothing")
    request.getfixturevalue("stopped_mutations")
    lines.command(
        f"DELETE FROM otel_logs IN PARTITION ID '{asked.units[0]}' WHERE Offset IN (SELECT Offset FROM"
        " otel_logs_deleted) SETTINGS lightweight_deletes_sync = 0, allow_nondeterministic_mutations = 1"
    )
    waiting = "SELECT count() FROM system.mutations WHERE NOT is_done AND NOT is_killed AND table = 'otel_logs'"
    assert lines.query(waiting).rows == [(1,)]
    begun(lines)
    assert lines.query(waiting).rows == [(0,)]


def test_a_cancelled_one_is_given_back_when_the_store_works_again(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "ada")
    with monkeypatch.context() as patched:
        patched.setattr(deleted, "forget", broken)
        cancelled = erasing.cancel(asked, 0)
        assert (cancelled.state, cancelled.is_given_back) == ("cancelled", False)
        assert cancelled.reason
        erasing.step(PAUSE_MS)
    assert deleted.counted(lines) == {asked.id: asked.matched}
    assert not erasing.lacks_rows
    erasing.step(MAX_PAUSE_MS)
    assert (deleted.counted(lines), erasing.lacks_rows, cancelled.reason) == ({}, True, "")
    assert book.get(asked.id) is cancelled


def test_a_cancelled_one_that_was_not_given_back_is_at_the_next_start(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasing = Erasing(lines, Book(lines.directory))
    asked = delete(lines, erasing, "ada")
    with monkeypatch.context() as patched:
        patched.setattr(deleted, "forget", broken)
        erasing.cancel(asked, 0)
    begun(lines)
    assert deleted.counted(lines) == {}


def test_what_is_answered_with_an_error_has_not_happened_and_does_not_happen_later(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Book) -> None:
        raise OSError(28, "No space left on device")

    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    running = delete(lines, erasing, "nothing")
    with monkeypatch.context() as patched:
        patched.setattr(Book, "save", full)
        with pytest.raises(OSError, match="No space"):
            delete(lines, erasing, "ada")
        with pytest.raises(OSError, match="No space"):
            erasing.cancel(running, 0)
        for _ in range(TRIES + 1):
            with pytest.raises(OSError, match="No space"):
                erasing.step(0)
    assert book.all() == [running]
    finish(erasing, book)
    assert (running.state, len(lines_seen(lines))) == ("running", len(LINES) - 1)


def test_what_is_accepted_is_answered_as_accepted_where_its_progress_cannot_be_written_down(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    save = Book.save
    calls = iter(range(100))

    def full_soon(self: Book) -> None:
        if next(calls):
            raise OSError(28, "No space left on device")
        save(self)

    with monkeypatch.context() as patched:
        patched.setattr(Book, "save", full_soon)
        asked = delete(lines, erasing, "ada")
    assert "No space left" in asked.reason
    again, erasing = begun(lines)
    finish(erasing, again)
    assert len(lines_seen(lines)) == len(LINES) - asked.matched


def test_rows_that_are_there_twice_go_both(lines: Store) -> None:
    lines.command("CREATE TABLE copy AS otel_logs")
    lines.command("INSERT INTO copy SELECT * FROM otel_logs")
    lines.command("INSERT INTO otel_logs SELECT * FROM copy")
    lines.command("DROP TABLE copy")
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "nothing")
    assert (asked.state, asked.matched, asked.places) == ("running", 2, 1)
    assert 4 not in lines_seen(lines)
    asked.is_recorded = True
    finish(erasing, book)
    while asked.is_open:
        erasing.step(0)
    assert asked.state == "done"


def test_it_is_not_done_while_the_rows_of_before_a_rebuild_are_there(lines: Store) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "nothing")
    finish(erasing, book)
    lines.command("CREATE TABLE otel_logs_before AS otel_logs")
    asked.is_recorded = True
    states = []
    for statement in ("SELECT 1", "DROP TABLE otel_logs_before"):
        lines.command(statement)
        erasing.step(0)
        states.append(asked.state)
    assert states == ["running", "done"]


def test_what_nobody_knows_any_more_goes_on_where_files_have_it(lines: Store) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    done = delete(lines, erasing, "nothing")
    finish(erasing, book)
    lost = delete(lines, erasing, "ada")
    (lines.directory / "deletions.json").unlink()
    again, erasing = begun(lines)
    assert [(one.id, one.matched, one.is_recorded) for one in again.all()] == [(lost.id, lost.matched, False)]
    finish(erasing, again)
    left = len(LINES) - done.matched - lost.matched
    assert lines.query("SELECT sum(rows) FROM system.parts WHERE active AND table = 'otel_logs'").rows == [(left,)]
    assert again.all()[0].is_to_be_recorded


def test_what_was_given_back_is_again_where_a_copy_of_before_counts_it(lines: Store) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "ada")
    rows = [row for some in deleted.rows(lines, asked.id, 100) for row in some]
    erasing.cancel(asked, 0)
    assert deleted.counted(lines) == {}
    deleted.insert(lines, rows)
    begun(lines)
    assert deleted.counted(lines) == {}


def test_one_of_no_rows_is_done_and_other_stores_need_not_know(lines: Store) -> None:
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "nobodyhere")
    erasing.step(0)
    assert (asked.state, asked.is_over) == ("done", True)


def test_on_a_disk_with_little_room_the_small_files_are_written_again_and_the_others_wait(
    lines: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {"Body": "ada " + "".join(map(chr, range(0x4E00, 0x8E00))), "Topic": "logs", "TopicId": "id"}
    lines.insert(json.dumps({**large, "Offset": 100, "ArrivedAt": "2026-11-20T00:00:00Z"}).encode())
    book = Book(lines.directory)
    erasing = Erasing(lines, book)
    asked = delete(lines, erasing, "ada")
    sizes = deleted.sizes(lines, asked.units)
    first, *others = asked.units
    assert sizes[first] > 2 * max(sizes[unit] for unit in others)
    free = FileSystem(size=0, free=RESERVE_BYTES + sizes[first] // 2)
    with monkeypatch.context() as patched:
        patched.setattr(erasing_module, "file_system", lambda _: free)
        while asked.units != [first]:
            erasing.step(0)
        erasing.step(0)
        assert f"{sizes[first] - sizes[first] // 2:,} more free bytes" in asked.reason
    finish(erasing, book)
    assert (asked.units, asked.reason) == ([], "")
