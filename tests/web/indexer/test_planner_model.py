"""Any order of lives and resends, cut into any blocks, with restarts between: each line at its bytes is a row once.

The store is a list of rows here; what it answers is what `stored.py` would.
"""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from logpost.record import Record, Src
from logpost_web.indexer.lines import Lines, line_of
from logpost_web.indexer.planner import Piece, Planner
from logpost_web.indexer.row import Position, to_row
from logpost_web.store.intervals import IntervalSet
from logpost_web.store.row import Row

KEY = ("logs", 0)
LINES = 6


class Life(msgspec.Struct):
    """One way that a stream went on: lines with their ends. Lives of one stream share what they have in common."""

    stream: str
    texts: list[str]

    def records(self, first: int, last: int) -> list[Record]:
        ends = [0]
        for text in self.texts:
            ends.append(ends[-1] + len(text))
        return [
            Record(
                ts="2026-11-22T10:51:07Z",
                message=text,
                src=Src(id=self.stream, start=ends[number], end=ends[number + 1]),
            )
            for number, text in enumerate(self.texts)
            if first <= number < last
        ]


TEXTS = st.sampled_from(["a", "b", "xx", "yy", "zzz"])
LIVES = st.builds(Life, stream=st.sampled_from("st"), texts=st.lists(TEXTS, min_size=1, max_size=LINES))
SENDING = st.tuples(st.integers(0, 2), st.integers(0, LINES), st.integers(0, LINES))
"""Which life sends which of its lines; the same again is a resend."""


def pieces(rows: list[Row]) -> list[Piece]:
    return [Piece(row.stream_id, row.stream_from, row.stream_to) for row in rows if row.stream_from < row.stream_to]


class Box:
    """An indexer's way with messages, without Kafka and without a store."""

    def __init__(self) -> None:
        self.stored: list[Row] = []
        self.block: list[Row] = []
        self.conflicts = 0
        self.planner = Planner()

    def take(self, rows: list[Row], *, together: bool = False) -> None:
        if rows and not self.planner.is_continued(KEY, rows[0].offset):
            known = IntervalSet((row.offset, row.offset + 1) for row in self.stored)
            self.planner.learn_partition(KEY, rows[0].offset, known)
        streams = self.planner.unknown_streams(row.stream_id for row in rows)
        self.planner.learn_streams(
            {
                stream: IntervalSet((row.stream_from, row.stream_to) for row in self.stored if row.stream_id == stream)
                for stream in streams
            }
        )
        if together and rows and self.planner.is_new(KEY, rows[0].offset, rows[-1].offset + 1, pieces(rows)):
            self.planner.add(KEY, rows[-1].offset + 1, pieces(rows))
            self.block += rows
            return
        plan = self.planner.plan(rows)
        known_lines = Lines(plan.places())
        for row in self.block:
            known_lines.add_row(row)
        doubtful = plan.doubtful(known_lines)
        for row in self.stored:
            if (row.stream_id, row.stream_to) in doubtful:
                known_lines.add(line_of(row))
        plan.settle(known_lines)
        self.block += plan.rows
        self.conflicts += len(plan.conflicts)

    def flush(self) -> None:
        self.stored += self.block
        self.block = []

    def restart(self) -> None:
        """What was not stored comes again."""
        self.block = []
        self.planner.forget()


@settings(max_examples=300)
@given(st.lists(LIVES, min_size=3, max_size=3), st.lists(SENDING, max_size=8), st.data())
def test_each_line_at_its_bytes_is_stored_once(
    lives: list[Life], sendings: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    topic: list[Record] = []
    for life, first, last in sendings:
        topic += lives[life].records(first, last)
    rows = [
        to_row(msgspec.json.encode(record), Position(*KEY, "id", offset, 0), 0) for offset, record in enumerate(topic)
    ]
    box = Box()
    committed = taken = 0
    for step in data.draw(st.lists(st.sampled_from(["take", "flush", "crash", "lost commit"]), max_size=12)):
        if step == "take":
            count = data.draw(st.integers(1, 10))
            box.take(rows[taken : taken + count], together=data.draw(st.booleans()))
            taken += len(rows[taken : taken + count])
        elif step == "flush":
            box.flush()
            committed = taken
        else:
            if step == "lost commit":
                box.flush()  # inserted, and ended before the commit
            box.restart()
            taken = committed
    box.take(rows[taken:])
    box.flush()
    found = Counter((row.stream_id, row.stream_to, row.message) for row in box.stored)
    expected = {(record.src.id, record.src.end, record.message) for record in topic if record.src}
    assert set(found) == expected
    assert max(found.values(), default=1) == 1
