"""A configured set of files, checked and ready: which files, and what their records say."""

from __future__ import annotations

import datetime
import os
import zoneinfo
from collections.abc import Callable, Sequence
from pathlib import Path

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.records import Origin, RecordWriter
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.paths import PathRules
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.stages.event import Stage
from logpost.agent.stages.limit import Limit
from logpost.agent.stages.parse import Parse
from logpost.agent.stages.stream import Sink, Stream
from logpost.config import FileSourceConfig
from logpost.errors import ConfigError
from logpost.formats import LineParser

LOCAL_ZONE = Path("/etc/localtime")


class FileSet:
    """One `[[agent.source]]` with `type = "file"`."""

    def __init__(
        self,
        config: FileSourceConfig,
        *,
        host: str,
        max_line_bytes: int,
        forbidden: Sequence[Path],
        service_prefix: str = "",
    ) -> None:
        """`service_prefix`: before the file's stem, when the set names no service. Raises ConfigError."""
        try:
            self.rules = PathRules(config.paths, config.exclude, forbidden)
        except ValueError as error:
            raise ConfigError(f"agent.source.paths or .exclude: {error}") from error
        self.start = config.start
        self.max_line_bytes = max_line_bytes
        self._config = config
        self._host = host
        self._prefix = service_prefix
        self._zone = zone(config.timezone)

    def stream(self, position: FilePosition, acks: Acks, sink: Sink, counts: Counts, now_ns: int) -> Stream:
        """The stream of a file that stands at `position`."""
        origin = Origin(
            stream=position.id,
            host=self._host,
            service=self._config.service or self._prefix + Path(position.path).stem,
            fixed_service=bool(self._config.service or self._prefix),
            file=position.path,
        )
        stages: list[Stage] = []
        if rate := self._config.max_lines_per_second:
            stages.append(Limit(rate, now_ns, counts))  # first: what is dropped need not be read
        stages.append(Parse(LineParser(self._zone), counts))
        return Stream(RecordWriter(origin), acks=acks, stages=stages, sink=sink)


def zone(name: str) -> datetime.tzinfo:
    """The IANA zone `name`, or this host's when it is empty. Raises ConfigError."""
    setting = "agent.source.timezone" if name else "the environment variable TZ"
    name = name or os.environ.get("TZ", "").removeprefix(":")
    try:
        if name:
            return zoneinfo.ZoneInfo(name)
        with LOCAL_ZONE.open("rb") as file:
            return zoneinfo.ZoneInfo.from_file(file)
    except FileNotFoundError:
        return datetime.UTC
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f'{setting} = "{name}" is no time zone known here') from error


NewStream = Callable[[FilePosition, FileSet, int], Stream]
"""Makes the stream of a file of this set that stands at the position; the time now in Unix nanoseconds."""
