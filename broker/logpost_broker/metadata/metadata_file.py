"""What the broker knows beside its logs, in one file that is replaced atomically: `metadata.json`."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import msgspec
from crc32c import crc32c
from kio.schema.errors import ErrorCode

from logpost.errors import StartError
from logpost_broker.errors import ApiError
from logpost_broker.log.files import Files
from logpost_broker.metadata.checkpoints import PARTITION_METADATA
from logpost_broker.metadata.ids import new_id, written

STRAY_SUFFIX = "-stray"
"""Of a partition's directory that no topic explains."""
NAME = "metadata.json"
VERSION = 1
OLDER = "start the release that wrote it"

logger = logging.getLogger("broker")


class TopicEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    id: uuid.UUID
    partitions: int
    configs: dict[str, str]
    internal: bool = False


class QuotaEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of KIP-546: the entity by type, a null name being the default, and its limits by name."""

    entity: dict[str, str | None]
    limits: dict[str, float]


class ScramEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What RFC 5802 keeps of a password; numbers of mechanisms are Kafka's."""

    user: str
    mechanism: int
    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


class ResourceEntry(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The configuration of something that is no topic; `type` is Kafka's number."""

    type: int
    name: str
    configs: dict[str, str]


class Metadata(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The content of the file. A list that came with a later release stays out of the file, and of its CRC, while
    nobody has put anything in it."""

    version: int = VERSION
    cluster_id: str
    leader_epoch: int = 0
    """Rises at each start that follows a crash."""
    next_producer_id: int = 0
    """Ids from here on were never given out."""
    topics: list[TopicEntry] = []
    client_quotas: list[QuotaEntry] | msgspec.UnsetType = msgspec.UNSET
    scram_credentials: list[ScramEntry] | msgspec.UnsetType = msgspec.UNSET
    resource_configs: list[ResourceEntry] | msgspec.UnsetType = msgspec.UNSET
    deleted_topics: list[uuid.UUID] | msgspec.UnsetType = msgspec.UNSET
    """Whose directories may be there still."""
    crc32c: int | None = None
    """Over this content without it. Somebody who edits the file takes it out."""

    def checksum(self) -> int:
        return int(crc32c(msgspec.json.encode(msgspec.structs.replace(self, crc32c=None))))


class _Versioned(msgspec.Struct):
    version: int = VERSION


def parsed_metadata(data: bytes, path: Path) -> Metadata:
    """The content of the file at `path`. Raises StartError when it cannot be understood."""
    try:
        version = msgspec.json.decode(data, type=_Versioned).version
        if version != VERSION:  # before all else: what another release put in it is no damage
            raise StartError(f"{path} has version {version}, this logpost knows {VERSION}: {OLDER}")
        content = msgspec.json.decode(data, type=Metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StartError(f"cannot understand {path}: {error}: {OLDER}, or restore it from a copy") from error
    if content.crc32c not in (None, content.checksum()):
        raise StartError(f"cannot trust {path}: its CRC is wrong, restore it from a copy")
    return content


class MetadataFile:
    def __init__(self, directory: Path, files: Files) -> None:
        """Raises StartError when the file is there and cannot be understood."""
        self._path = directory / NAME
        self._files = files
        self._lock = threading.Lock()
        self._has_forgotten = False
        data = self._saved = files.read_bytes(self._path)
        if data is None:
            if any(_is_partition(files, directory / name) for name in files.names(directory)):
                raise StartError(f"{self._path} is missing, and {directory} has logs: restore it from a copy")
            self.content = Metadata(cluster_id=written(new_id()))
            self.save()
            return
        # Killed while it replaced this file, the broker left a name that a power cut can still take back: nothing may
        # follow from the new content before it is sure to stay.
        files.sync_directory(directory)
        self.content = parsed_metadata(data, self._path)

    def save(self) -> None:
        """Write `content` as it is. Raises OSError; the file then has its old content."""
        with self._lock:
            self._write(self.content)

    def change(self, edit: Callable[[Metadata], Mapping[str, object]]) -> None:
        """Give the content the values that `edit` makes of it, durably. Blocks, also while another change is written,
        and may run in a thread; a reader of `content` meanwhile finds it as it was. Raises ApiError
        KAFKA_STORAGE_ERROR, and then nothing has changed."""
        with self._lock:
            after = msgspec.structs.replace(self.content, **edit(self.content))
            try:
                self._write(after)
            except OSError as error:
                message = f"cannot write the metadata: {error.strerror}"
                raise ApiError(ErrorCode.kafka_storage_error, message) from error
            self.content = after

    @property
    def deleted_topics(self) -> Collection[uuid.UUID]:
        """Whose directories may be there still."""
        return self.content.deleted_topics or ()

    def forget_deleted(self, removed: Collection[uuid.UUID]) -> None:
        """No directory is left of these: the next write leaves them out."""
        with self._lock:
            left = [topic_id for topic_id in self.deleted_topics if topic_id not in removed]
            self.content.deleted_topics = left or msgspec.UNSET
            self._has_forgotten = True

    def settle(self) -> None:
        """Leave out of the file what was forgotten since its last write: an older release cannot read a list that it
        does not know."""
        try:
            if self._has_forgotten:
                self.save()
        except OSError as error:
            logger.error("%s names topics that are gone, until it is next written: %s", self._path, error.strerror)

    def _write(self, content: Metadata) -> None:
        content.crc32c = content.checksum()
        data = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
        try:
            self._files.replace(self._path, data)
        except OSError:
            self._restore()
            raise
        self._saved = data
        self._has_forgotten = False

    def _restore(self) -> None:
        """What failed may have been the last step, with the new content in its place already."""
        try:
            if self._saved is not None and self._files.read_bytes(self._path) != self._saved:
                self._files.replace(self._path, self._saved)
        except OSError as error:
            logger.error("cannot restore %s, it may have a change that was refused: %s", self._path, error)


def _is_partition(files: Files, directory: Path) -> bool:
    return not directory.name.endswith(STRAY_SUFFIX) and files.exists(directory / PARTITION_METADATA)
