"""The systemd journal, through `journalctl -f`, as one stream whose ranges count entries.

The cursor is saved with the number of entries that are acknowledged, so that entries which must be sent again get the
same numbers again.
"""

from __future__ import annotations

import datetime
import logging
import math
import queue
import shutil
import subprocess
import threading
from collections import deque
from dataclasses import dataclass

import msgspec

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.positions import Place
from logpost.agent.delivery.records import Origin, RecordWriter
from logpost.agent.sources.journal.entry import Entry, decode, entries_between, read_entry, text
from logpost.agent.sources.journal.position import JournalPosition
from logpost.agent.sources.source import HandedOver, SourceContext
from logpost.agent.stages.event import Event
from logpost.agent.stages.stream import Stream
from logpost.config import JournalSourceConfig
from logpost.formats import LineParser
from logpost.said_once import SaidOnce

QUEUED_LINES = 1000
QUEUED_BYTES = 16 * 1024 * 1024
"""Read ahead from journalctl; it waits above that. Any program may write entries of 32 MiB."""
TURN_ENTRIES = 1000
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
POLL_SECONDS = 0.2
CURSOR_REFUSED = "Failed to seek to cursor"
"""What journalctl says of a cursor that no journal can have."""
CLOSED = ("insufficient permissions", "not seeing messages from other users")
"""What it says where it may not read the journal, or only what this user wrote."""
REMEDY = "Add this user to group systemd-journal and restart the agent: see `logpost doctor`"
LOST = "lost_entries"
"""The attribute of the first record behind entries that the journal deleted before they were read: how many."""


@dataclass(frozen=True, slots=True)
class _Ended:
    """journalctl has ended, after so many entries; `remark` is the last thing it said that is no entry."""

    entries: int
    remark: str


@dataclass(frozen=True, slots=True)
class _Closed:
    """journalctl says that it may not read all, and goes on with the rest."""

    remark: str


@dataclass(frozen=True, slots=True)
class _Gap:
    """The journal deleted what was behind the entry `read_to`; `count` entries, if it is known."""

    read_to: str
    goes_on: str
    count: int | None


class JournalSource:
    """`[[agent.source]]` with `type = "journal"`. A thread of its own reads the pipe."""

    def __init__(
        self,
        config: JournalSourceConfig,
        place: Place,
        context: SourceContext,
        *,
        host: str,
    ) -> None:
        """Raises StartError."""
        saved = place.read(JournalPosition)
        if saved is not None and place.original:
            saved = msgspec.structs.replace(saved, id=context.new_id())
        self._since = config.since
        self._position = saved
        self._host = host
        self._parse = LineParser(datetime.UTC).parse
        self._context = context
        self._gap: _Gap | None = None
        self._log = logging.getLogger("agent")
        self._said = SaidOnce(self._log)
        """Of journalctl, until it prints entries."""
        self._queue: queue.Queue[tuple[Entry | _Ended | _Gap | _Closed, int]] = queue.Queue(QUEUED_LINES)
        """With the bytes that they were printed in."""
        self._put_bytes = self._taken_bytes = 0
        """Each is changed by one thread only."""
        self._unacknowledged: deque[tuple[int, str]] = deque()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._retry_at = 0.0
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._read_to = ""
        self._stream = self._stream_at(saved) if saved else None
        self.is_off = shutil.which("journalctl") is None
        if self.is_off:
            self._log.warning("journalctl is not there: the journal is not read")

    @property
    def has_work(self) -> bool:
        return not self._queue.empty()

    @property
    def due(self) -> float:
        """When to start journalctl."""
        return self._retry_at if self._thread is None and not self.is_off else math.inf

    @property
    def queued_bytes(self) -> int:
        """Read ahead."""
        return self._put_bytes - self._taken_bytes

    def look(self, now: float, now_ns: int) -> None:
        """A thread does."""

    def turn(self, now: float, now_ns: int) -> None:
        """Ship what was read, a bounded number of entries; start journalctl when it is due."""
        if self._thread is None and now >= self.due:
            self._start()
        for _ in range(TURN_ENTRIES):
            try:
                item, size = self._queue.get_nowait()
            except queue.Empty:
                return
            self._taken_bytes += size
            if isinstance(item, _Ended):
                self._on_end(item, now)
                return
            if isinstance(item, _Gap):
                self._miss(item)
            elif isinstance(item, _Closed):
                self._said.warn(CLOSED, "only a part of the journal is read: %s %s", item.remark, REMEDY)
            else:
                self._ship(item, now_ns)

    def finish(self, now: float, now_ns: int) -> None:
        """Nothing is held back."""

    def position(self, now_s: int) -> msgspec.Raw | None:
        while self._unacknowledged:
            assert self._position is not None and self._stream is not None
            entries, cursor = self._unacknowledged[0]
            if entries > self._stream.acks.acknowledged:
                break
            self._unacknowledged.popleft()
            self._position = JournalPosition(id=self._position.id, cursor=cursor, entries=entries)
        return msgspec.Raw(msgspec.json.encode(self._position)) if self._position is not None else None

    def hand_over(self, now_s: int) -> HandedOver:
        self.close()
        return HandedOver(self.position(now_s))

    def close(self) -> None:
        self._stopped.set()
        if self._process is not None:
            self._process.terminate()
        if self._thread is not None:
            self._thread.join()

    def _ship(self, entry: Entry, now_ns: int) -> None:
        cursor = text(entry.get("__CURSOR"))
        if self._position is None:
            self._position = JournalPosition(id=self._context.new_id(), cursor=cursor, entries=0)
            self._context.save()
        if self._stream is None:
            self._stream = self._stream_at(self._position)
        self._read_to = cursor
        end = self._stream.acks.sent + 1
        self._unacknowledged.append((end, cursor))
        read = read_entry(entry, self._parse, now_ns)
        if self._gap is not None:
            read.attrs[LOST] = "unknown" if self._gap.count is None else self._gap.count
            self._gap = None
        self._stream.ship([Event(end, read.message, parsed=read)], now_ns)

    def _miss(self, gap: _Gap) -> None:
        """Said, counted, and told by the next record."""
        self._gap = gap
        self._context.counts.journal_gaps += 1
        self._context.counts.journal_lost += gap.count or 0
        lost = "an unknown number of" if gap.count is None else gap.count
        self._log.warning(
            "the journal deleted %s entries before they were read, behind %s: read on from %s",
            lost,
            gap.read_to,
            gap.goes_on,
        )

    def _stream_at(self, position: JournalPosition) -> Stream:
        """Without stages: what an entry says is known when it is read."""
        origin = Origin(stream=position.id, host=self._host, service="journal", fixed_service=False, file="journal")
        return Stream(RecordWriter(origin), acks=Acks(position.entries), stages=(), sink=self._context.sink)

    def _start(self) -> None:
        # Not `--after-cursor`: where the cursor's own entry was vacuumed, that skips the first one that is still there.
        saved = self._position
        cursor = self._read_to or (saved.cursor if saved is not None else "")
        place = f"--cursor={cursor}" if cursor else f"--since={self._since}"
        is_read = bool(self._read_to) or (saved is not None and saved.entries > 0)
        arguments = (place, cursor if is_read else "")
        self._thread = threading.Thread(target=self._read, args=arguments, name="journal", daemon=True)
        self._thread.start()

    def _read(self, place: str, read_to: str) -> None:
        """The pipe's thread. `read_to`: the cursor of the last entry that was read."""
        # Without `--all` a value above 4,096 bytes is null.
        command = ["journalctl", "--output=json", "--all", "--follow", "--no-tail", "--no-pager", place]
        entries, remark = 0, ""
        try:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
                self._process = process
                assert process.stdout is not None
                if self._stopped.is_set():
                    process.terminate()  # `close` came before it was there
                for line in process.stdout:
                    entry = decode(line)
                    if entry is not None:
                        entries += 1
                        if entries > 1 or not self._is_read(entry, read_to):
                            self._put(entry, len(line))
                    elif line.strip():
                        remark = line.decode(errors="replace").strip()
                        if CLOSED[1] in remark:
                            self._put(_Closed(remark))
        except OSError as error:
            remark = str(error)
        self._put(_Ended(entries, remark))

    def _is_read(self, entry: Entry, read_to: str) -> bool:
        """The first entry that is printed is the last one that was read. If it is another, that one is gone, and with
        it perhaps entries behind it."""
        cursor = text(entry.get("__CURSOR"))
        if read_to and cursor != read_to and (lost := entries_between(read_to, cursor)) != 0:
            self._put(_Gap(read_to, cursor, lost))
        return cursor == read_to

    def _put(self, item: Entry | _Ended | _Gap | _Closed, size: int = 0) -> None:
        while self.queued_bytes > QUEUED_BYTES and not self._stopped.wait(POLL_SECONDS):
            pass
        while not self._stopped.is_set():
            try:
                self._queue.put((item, size), timeout=POLL_SECONDS)
            except queue.Full:
                continue
            self._put_bytes += size
            self._context.wake()
            return

    def _on_end(self, end: _Ended, now: float) -> None:
        self._thread = None
        if end.entries:
            self._retry_seconds = FIRST_RETRY_SECONDS
            self._said.all_over()
        elif not self._read_to and self._position is not None and end.remark.startswith(CURSOR_REFUSED):
            # What is there now is another stream.
            self._log.warning("the journal is read again from %s: %s", self._since, end.remark)
            self._position, self._stream = None, None
            self._unacknowledged.clear()
            return
        else:
            self._retry_seconds = min(2 * self._retry_seconds, LONGEST_RETRY_SECONDS)
        self._retry_at = now + self._retry_seconds
        said = end.remark or "without a word"
        if CLOSED[0] in said:
            said += f" {REMEDY}"
        self._said.warn(said, "journalctl ended (%s); started again in %g s", said, self._retry_seconds)
