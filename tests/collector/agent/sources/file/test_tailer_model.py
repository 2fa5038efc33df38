"""Random lives of files against a model: every line is shipped, once by the indexer's rule, and ranges leave no gap."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.collector.agent.harness import Host, lines_of

ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 12)),
    st.tuples(st.just("begin_line"), st.integers(1, 3)),
    st.tuples(
        st.sampled_from(
            [
                "read",
                "turn",
                "rest",
                "acknowledge",
                "acknowledge_last",
                "save",
                "crash",
                "stop",
                "rename",
                "rotate_while_down",
                "compress_while_down",
                "copytruncate",
                "truncate",
                "delete",
                "blank",
            ]
        ),
        st.just(0),
    ),
)


class World:
    """One log file, what was written to it, and the agent that reads it."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "app.log"
        self.host = Host(directory)
        self.host.topic.acknowledges_at_once = False
        self.written: Counter[str] = Counter()
        self.open_line = ""
        self.count = 0
        self.rotations = 0
        self.only_in_memory = False
        """Bytes may have gone from the disk that the agent has read and not yet sent."""

    def _append(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8", newline="") as file:
            file.write(text)

    def _text(self) -> str:
        self.count += 1
        return f"line {self.count} " + "é" * (self.count % 40)

    def write(self, lines: int) -> None:
        for _ in range(lines):
            text = self._text()
            self._append(text + ("\r\n" if self.count % 3 else "\n"))
            self.written[self.open_line + text] += 1
            self.open_line = ""

    def begin_line(self, pieces: int) -> None:
        for _ in range(pieces):
            text = self._text()
            self._append(text)
            self.open_line += text

    def blank(self, _: int) -> None:
        self._append("\n\r\n")
        self._end_of_line()

    def _end_of_line(self) -> None:
        if self.open_line:
            self.written[self.open_line] += 1
            self.open_line = ""

    def read(self, _: int) -> None:
        self.host.read()

    def turn(self, _: int) -> None:
        if self.host.tailer.has_work:
            self.host.tailer.turn(self.host.now, self.host.now_ns)

    def rest(self, _: int) -> None:
        self.host.topic.acknowledge()
        self.host.sleep(1.5)

    def acknowledge(self, _: int) -> None:
        self.host.topic.acknowledge()

    def acknowledge_last(self, _: int) -> None:
        if self.host.topic.pending:
            self.host.topic.acknowledge([len(self.host.topic.pending) - 1])

    def save(self, _: int) -> None:
        self.host.save()

    def crash(self, _: int) -> None:
        self._secure()
        self.host.crash()

    def stop(self, _: int) -> None:
        self._secure()
        self.host.stop()

    def rename(self, _: int) -> None:
        """Rotation by rename: what was not read stands under the new name, also for an agent that was not running."""
        if self.log.exists():
            self.host.scan()  # a file nobody ever saw under its name cannot be known under another
            self.rotations += 1
            self.log.rename(self.log.with_suffix(f".log.{self.rotations}"))
            self._end_of_line()

    def rotate_while_down(self, _: int) -> Path | None:
        """Rotation, as it may come several times before the agent runs again."""
        self.host.scan()
        if not self.log.exists() or not self.host.saved():
            return None
        self.crash(0)
        self.rotations += 1
        self._end_of_line()
        return self.log.rename(self.log.with_suffix(f".log.{self.rotations}"))

    def compress_while_down(self, _: int) -> None:
        rotated = self.rotate_while_down(0)
        if rotated is not None:
            packed = rotated.with_name(rotated.name + ".gz")
            packed.write_bytes(gzip.compress(rotated.read_bytes()))
            shutil.copystat(rotated, packed)
            rotated.unlink()
            self.host.read()

    def copytruncate(self, _: int) -> None:
        """Rotation by copy. The agent has read what it needs to recognise the copy; the copy may have more."""
        if self.log.exists():
            self._settle()
            if self.log.stat().st_size > 600:
                text = self._text()
                self._append(f"{text}\n")
                self.written[self.open_line + text] += 1
                self.open_line = ""
            else:
                self.only_in_memory = True  # too short to be recognised
            self.rotations += 1
            shutil.copyfile(self.log, self.log.with_suffix(f".log.{self.rotations}"))
            self.log.write_bytes(b"")
            self._end_of_line()

    def truncate(self, _: int) -> None:
        if self.log.exists():
            self._settle()
            self.log.write_bytes(b"")
            self.only_in_memory = True
            self._end_of_line()

    def delete(self, _: int) -> None:
        """A deleted file is read to its end by an agent that has it open."""
        if self.log.exists():
            self._settle()
            self.log.unlink()
            self.only_in_memory = True
            self._end_of_line()

    def _secure(self) -> None:
        if self.only_in_memory:
            self.host.read()
            self.rest(0)
            self.only_in_memory = False

    def _settle(self) -> None:
        self.host.read()
        self.host.topic.acknowledge()
        self.host.save()


@given(st.lists(ACTIONS, min_size=1, max_size=30))
def test_every_line_is_shipped_once(actions: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory))
        try:
            for name, argument in actions:
                getattr(world, name)(argument)
            world.host.read()
            world.rest(0)
            world.host.sleep(12)
            world.rest(0)
            world._end_of_line()
            assert lines_of(world.host.topic.records) == world.written
            backlog = world.host.tailer
            assert not backlog.has_work
            assert world.host.counts.backlog_bytes == 0
        finally:
            world.host.close()
