"""How far a long piece of work is, as one line on a terminal that is written again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

MEGABYTE = 1_000_000
BETWEEN_SECONDS = 0.2
BAR_CHARACTERS = 30


class Progress:
    """Silent where `stream` is no terminal. Use as a context: at its end the line is taken away."""

    def __init__(self, total_bytes: int, stream: TextIO, seconds: Callable[[], float] = time.monotonic) -> None:
        self.total_bytes = total_bytes
        self._stream = stream
        self._seconds = seconds
        self._began = self._shown = seconds()
        self._width = 0
        self.done_bytes = 0

    def add(self, size_bytes: int) -> None:
        self.done_bytes += size_bytes
        now = self._seconds()
        if self._stream.isatty() and now - self._shown >= BETWEEN_SECONDS:
            self._shown = now
            self._write(self.line(now - self._began))

    def line(self, elapsed_seconds: float) -> str:
        """`[#####…] 1,234 of 5,678 MB, 512 MB/s`"""
        share = min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0
        bar = "#" * int(share * BAR_CHARACTERS)
        rate = self.done_bytes / elapsed_seconds / MEGABYTE
        done, total = self.done_bytes / MEGABYTE, self.total_bytes / MEGABYTE
        return f"[{bar:.<{BAR_CHARACTERS}}] {done:,.0f} of {total:,.0f} MB, {rate:,.0f} MB/s"

    def _write(self, line: str) -> None:
        self._stream.write(f"\r{line:<{self._width}}")
        self._stream.flush()
        self._width = len(line)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
