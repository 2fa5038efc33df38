"""What the store has taken of one partition: the account that it keeps of itself, in chunks of offsets. Pure.

A group's committed offset says how far somebody read. The manifest lies in the store, beside the rows, and so it is
lost, copied and put back together with them: it says which offsets became rows, or were looked at and became none.

A partition may live more than once. When its broker is put back to an older state, offsets that are stored come again
with other records. Those of a later life are stored under a topic id of their own, which says where it begins. When
the newer state is put back after all, the partition goes on with the rows of that earlier life.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from logpost_web.store.intervals import IntervalSet
from logpost_web.store.manifest_table import CHUNK, Chunk

ENDLESS = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Life:
    """From offset `begin` on. `topic_id`: of its rows; Kafka's own for the first, whose `number` is 1, and that of an
    earlier life where it is this one again. `id`: its own."""

    number: int
    begin: int
    topic_id: str
    id: str


@dataclass(frozen=True, slots=True)
class Last:
    """The last record of a block: its offset, and a hash of what it is."""

    offset: int
    mark: int


def life_of(life_id: str) -> Life:
    """Of Kafka's id; for a later life its number and first offset follow, then those of the earlier life that it is
    again, if it is one."""
    kafka, *numbers = life_id.split("@")
    number, begin, *earlier = map(int, numbers or ("1", "0"))
    return Life(number, begin, _life_id(kafka, *(earlier or (number, begin))), life_id)


def _life_id(kafka: str, number: int, begin: int) -> str:
    return f"{kafka}@{number}@{begin}" if number > 1 else kafka


def kafka_id(topic_id: str) -> str:
    """Kafka's own id in that of a row."""
    return topic_id.partition("@")[0]


def dropped(chunk: Chunk, rows: int) -> None:
    """Count `rows` rows out, which retention drops."""
    if chunk.lacks:
        # Those of them that were not read again yet do not come any more either.
        chunk.lacks = max(chunk.lacks - rows, 0)
        chunk.rows = max(chunk.rows - rows, 0)
    else:
        # Below 0 where rows are in the store that are not counted yet.
        chunk.rows -= rows
    chunk.version += 1


class Manifest:
    """Of one partition of one topic. `chunks`: those of all its lives."""

    def __init__(self, topic: str, partition: int, topic_id: str, chunks: Iterable[Chunk] = ()) -> None:
        self._topic = topic
        self._partition = partition
        self._topic_id = topic_id
        self._chunks = {(one.topic_id, one.number): one for one in chunks}
        self._changed: dict[tuple[str, int], Chunk] = {}
        self._left: dict[tuple[str, int], int] = {}
        lives = {topic_id} | {one_id for one_id, _ in self._chunks}
        self._lives = sorted((life_of(one) for one in lives), key=lambda life: -life.number)
        self._count_taken()

    @property
    def key(self) -> tuple[str, int]:
        """Topic and partition."""
        return self._topic, self._partition

    def _count_taken(self) -> None:
        self.taken = IntervalSet()
        """Offsets that need not be read again."""
        limits = self._limits()
        for chunk in sorted(self._chunks.values(), key=lambda one: one.start):
            self.taken.add(chunk.start, min(chunk.end, limits[chunk.topic_id]))

    def _limits(self) -> dict[str, int]:
        """Where each life ends: at the begin of a later one; one that is lived again, where it ends then."""
        limits: dict[str, int] = {}
        for life, end in self.lives:
            limits.setdefault(life.topic_id, end)
            limits.setdefault(life.id, life.begin)  # it has no rows under its own
        return limits

    @property
    def end(self) -> int:
        """The offset behind the last that was taken in the newest life."""
        return max((one.end for one in self._chunks.values() if one.topic_id == self.newest.topic_id), default=0)

    @property
    def known_end(self) -> int:
        """`end`, or the offset behind the last record that it ever had, where that must be read again."""
        return max([self.end, *(last.offset + 1 for last in self.marks())])

    @property
    def newest(self) -> Life:
        return self._lives[0]

    @property
    def lives(self) -> tuple[tuple[Life, int], ...]:
        """Each life and the offset at which it ends, the newest first; that may lie before its begin."""
        found = []
        end = ENDLESS
        for life in self._lives:
            found.append((life, end))
            end = min(end, life.begin)
        return tuple(found)

    def spans(self, start: int) -> list[tuple[str, int, int]]:
        """Under which ids the records from `start` on are stored: (id, first offset, end), in order."""
        spans = [(life.topic_id, max(life.begin, start), end) for life, end in reversed(self.lives)]
        return [span for span in spans if span[1] < span[2]]

    def earlier_ids(self, offset: int) -> list[str]:
        """Under which ids other lives than the newest may have a row at `offset`."""
        ids = dict.fromkeys(life.topic_id for life in self._lives if life_of(life.topic_id).begin <= offset)
        return [one for one in ids if one != self.newest.topic_id]

    @property
    def lost(self) -> int:
        """Rows that the store had and that are gone for good."""
        return sum(one.lost for one in self._chunks.values())

    def topic_id_at(self, offset: int) -> str:
        """Under which id the record at `offset` is stored."""
        for life in self._lives:
            if offset >= life.begin:
                return life.topic_id
        raise AssertionError("the first life begins at 0")

    def marks(self) -> list[Last]:
        """The last record of each chunk that the newest life has, or has in common with those before, in order."""
        return sorted(
            (
                Last(one.last_offset, one.last_mark)
                for one in self._chunks.values()
                if one.last_offset >= 0 and self.topic_id_at(one.last_offset) == one.topic_id
            ),
            key=lambda last: last.offset,
        )

    def begin_life(self, begin: int, again: str = "") -> None:
        """From `begin` on the log is another one than that whose records are stored; or that whose records are stored
        under the id `again`."""
        life_id = _life_id(self._topic_id, self.newest.number + 1, begin)
        if again:
            earlier = life_of(again)
            life_id = f"{life_id}@{earlier.number}@{earlier.begin}"
        self._lives.insert(0, life_of(life_id))
        self._piece(life_id, begin, begin)
        self._count_taken()

    def take(self, start: int, end: int, kept: Mapping[tuple[str, int], int], last: Last | None) -> None:
        """All that the topic has in [start, end) was looked at, in order. `kept`: for (id, chunk), the rows of it that
        the store has now and that were not counted before."""
        left = dict(kept)  # a chunk may be taken in several pieces
        for topic_id, piece_start, piece_end in self._pieces(start, end):
            rows = left.pop((topic_id, piece_start // CHUNK), 0)
            holds_last = last is not None and piece_start <= last.offset < piece_end
            if not rows and not holds_last and self.taken.covers(piece_start, piece_end):
                continue
            chunk = self._piece(topic_id, piece_start, piece_end)
            chunk.rows += rows
            if last is not None and holds_last and last.offset > chunk.last_offset:
                chunk.last_offset, chunk.last_mark = last.offset, last.mark
        self.taken.add(start, end)

    def _pieces(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """[start, end) cut where chunks and lives end."""
        begins = sorted(life.begin for life in self._lives)
        while start < end:
            cuts = [end, (start // CHUNK + 1) * CHUNK, *(begin for begin in begins if begin > start)]
            yield self.topic_id_at(start), start, min(cuts)
            start = min(cuts)

    def _piece(self, topic_id: str, start: int, end: int) -> Chunk:
        """The chunk of `start`, [start, end) included."""
        number = start // CHUNK
        chunk = self._chunks.get((topic_id, number))
        if chunk is None:
            chunk = Chunk(self._topic, topic_id, self._partition, number, start, end)
            self._chunks[topic_id, number] = chunk
        chunk.start, chunk.end = min(chunk.start, start), max(chunk.end, end)
        self._change(chunk)
        return chunk

    def _change(self, chunk: Chunk) -> None:
        chunk.version += 1
        self._changed[chunk.topic_id, chunk.number] = chunk

    def chunks(self) -> list[Chunk]:
        return list(self._chunks.values())

    def readable_from(self, chunk: Chunk, log_start: int) -> int:
        """From which offset of `chunk` on it can be read again, from a topic that begins at `log_start`; its end where
        there is none: the topic has no more, or a later life has those offsets."""
        start = max(chunk.start, log_start)
        return start if start < min(chunk.end, self._limits()[chunk.topic_id]) else chunk.end

    def lose(self, chunk: Chunk, found: int, readable_from: int) -> int:
        """Rows of `chunk` are not in the store: `found` are left below `readable_from`, the rest must be read again.
        Returns how many are lost for good, as far as that is known."""
        chunk.lacks = max(chunk.lacks, chunk.rows + chunk.lost)
        before = chunk.lost
        if readable_from == chunk.end:
            chunk.lost, chunk.lacks = max(chunk.lacks - found, 0), 0
        chunk.end, chunk.rows = readable_from, found
        self._change(chunk)
        self._count_taken()
        return max(chunk.lost - before, 0)

    def overtaken(self) -> Iterator[tuple[Chunk, int, int]]:
        """Chunks that lack rows, and their offsets [start, end) that a later life has: what is left there does not come
        again when the chunk is read."""
        limits = self._limits()
        for chunk in self._chunks.values():
            start, end = max(limits[chunk.topic_id], chunk.end), (chunk.number + 1) * CHUNK
            if chunk.lacks and start < end:
                yield chunk, start, end

    def leave(self, chunk: Chunk, rows: int) -> None:
        """How many rows are left at overtaken offsets of `chunk`; until it is settled."""
        self._left[chunk.topic_id, chunk.number] = rows

    def need_not(self, topic_id: str, number: int, rows: int) -> None:
        """Of what a chunk lacks, `rows` are past their time and do not come again."""
        chunk = self._chunks.get((topic_id, number))
        if chunk is not None and chunk.lacks:
            chunk.lacks = max(chunk.lacks - rows, chunk.rows)
            self._change(chunk)

    def chunk(self, topic_id: str, number: int) -> Chunk | None:
        return self._chunks.get((topic_id, number))

    def drop(self, topic_id: str, number: int, rows: int) -> None:
        """Retention dropped `rows` rows of a chunk."""
        chunk = self._chunks.get((topic_id, number))
        if chunk is not None:
            dropped(chunk, rows)
            self._changed[chunk.topic_id, chunk.number] = chunk

    @property
    def lacks_below(self) -> int:
        """The end of the last chunk that lacks rows, 0 when none does."""
        return max(((one.number + 1) * CHUNK for one in self._chunks.values() if one.lacks), default=0)

    def settle(self) -> int:
        """All was read again that the topic has. Returns how many rows it had no more."""
        gone = 0
        for chunk in self._chunks.values():
            if chunk.lacks:
                if left := self._left.pop((chunk.topic_id, chunk.number), 0):
                    chunk.rows, chunk.end = chunk.rows + left, (chunk.number + 1) * CHUNK
                lost = max(chunk.lacks - chunk.rows, 0)
                gone += max(lost - chunk.lost, 0)
                chunk.lost, chunk.lacks = lost, 0
                self._change(chunk)
        return gone

    def first_lacking(self, offset: int) -> int:
        """The first offset from `offset` on that was not taken."""
        for start, end in self.taken:
            if start <= offset < end:
                return end
        return offset

    def ahead(self, offset: int) -> list[tuple[int, int]]:
        """What was taken behind `offset`, as intervals."""
        return [(max(start, offset), end) for start, end in self.taken if end > offset]

    def changes(self) -> list[Chunk]:
        """Lines that are not in the table yet."""
        return list(self._changed.values())

    def forget_changes(self) -> None:
        """They are in the table."""
        self._changed = {}
