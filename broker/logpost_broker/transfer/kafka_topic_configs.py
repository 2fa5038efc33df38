"""The configuration of topics as Apache Kafka (KRaft) keeps it: records in the log of `__cluster_metadata`.

A record's value is framed as (version 1, type, version of the type), each an unsigned varint, then the fields of
`ConfigRecord` and `RemoveTopicRecord` (KIP-631). The rest of that log is not needed here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

from logpost_broker.log.batch import CONTROL
from logpost_broker.log.records import records_of
from logpost_broker.log.walk import Found, SegmentWalk
from logpost_broker.transfer.errors import TransferError

METADATA_PARTITION = "__cluster_metadata-0"
SNAPSHOT_NAME = re.compile(r"\d{20}-\d{10}\.checkpoint")
LOG_NAME = re.compile(r"\d{20}\.log")
TOPIC_RECORD, CONFIG_RECORD, REMOVE_TOPIC_RECORD = 2, 4, 9
TOPIC_RESOURCE = 2

TopicOverrides = dict[str, dict[str, str]]
"""Topic → setting → value."""


def topic_overrides(kafka_directory: Path) -> TopicOverrides | None:
    """What was set for topics. None where Kafka keeps its metadata in another directory. Raises TransferError."""
    directory = kafka_directory / METADATA_PARTITION
    if not directory.is_dir():
        return None
    state = _State()
    names = sorted(path.name for path in directory.iterdir())
    # A snapshot ends where its name says, as `end offset-epoch`; the log may begin before and goes on behind it.
    end = 0
    for name in list(filter(SNAPSHOT_NAME.fullmatch, names))[-1:]:
        end = int(name.partition("-")[0])
        _apply(directory / name, 0, state)
    for name in filter(LOG_NAME.fullmatch, names):
        _apply(directory / name, end, state)
    return state.overrides


def _apply(path: Path, start: int, state: _State) -> None:
    """The records of a file from offset `start` on. Raises TransferError."""
    offset = start
    try:
        for offset, value in _values(path):
            if offset >= start:
                state.apply(value)
            offset += 1
    except (ValueError, IndexError) as error:
        raise TransferError(
            f"{path} makes no sense from offset {offset} on ({error}): move {METADATA_PARTITION} away, and the "
            "import goes on without Kafka's settings of topics"
        ) from error


def _values(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and value of the records in a file of batches. Raises TransferError, ValueError."""
    with SegmentWalk(path, base_offset=0) as walk:
        for piece in walk:
            if not isinstance(piece, Found):
                raise TransferError(f"{path} position {piece.position}: {piece.reason}: start and stop Kafka once")
            if not piece.header.attributes & CONTROL:
                yield from ((record.offset, record.value or b"") for record in records_of(walk.read(piece)))


class _State:
    def __init__(self) -> None:
        self.overrides: TopicOverrides = {}
        self._names: dict[uuid.UUID, str] = {}

    def apply(self, value: bytes) -> None:
        fields = _Fields(value)
        _, kind, _ = fields.varint(), fields.varint(), fields.varint()
        if kind == TOPIC_RECORD:
            name = fields.text() or ""
            self._names[fields.uuid()] = name
        elif kind == REMOVE_TOPIC_RECORD:
            self.overrides.pop(self._names.pop(fields.uuid(), ""), None)
        elif kind == CONFIG_RECORD and fields.int8() == TOPIC_RESOURCE:
            topic, setting, text = fields.text() or "", fields.text() or "", fields.text()
            settings = self.overrides.setdefault(topic, {})
            if text is None:
                settings.pop(setting, None)
            else:
                settings[setting] = text


class _Fields:
    """Reads the fields of a record one after the other, in the compact encodings of KIP-482."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def int8(self) -> int:
        self._position += 1
        return self._data[self._position - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.int8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def text(self) -> str | None:
        length = self.varint() - 1
        return None if length < 0 else self._take(length).decode()

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(bytes=self._take(16))

    def _take(self, size: int) -> bytes:
        self._position += size
        return self._data[self._position - size : self._position]
