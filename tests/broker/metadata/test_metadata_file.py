"""The metadata file: what earlier releases wrote is read, and what cannot be written changes nothing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.log.files import Files
from logpost_broker.metadata.client_quotas import ClientQuotas, alter
from logpost_broker.metadata.kept_entries import MAX_ENTRIES_BYTES
from logpost_broker.metadata.metadata_file import NAME, MetadataFile

FIRST_RELEASE = """{"version": 1, "cluster_id": "4L6g3nShT-eMCtK--X86sw", "leader_epoch": 0, "next_producer_id": 0,
"topics": [{"name": "t", "id": "00000000-0000-0000-0000-000000000007", "partitions": 1,
"configs": {"retention.ms": "5"}, "internal": false}], "crc32c": 291670035}"""


class FullDisk(Files):
    is_full = False

    def replace(self, path: Path, data: bytes, *, synced: bool = True) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().replace(path, data, synced=synced)


def test_a_file_of_the_first_release_is_read_and_trusted(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(FIRST_RELEASE)
    content = MetadataFile(tmp_path, Files()).content
    assert [topic.name for topic in content.topics] == ["t"]
    assert not content.client_quotas


def test_what_anybody_may_name_has_so_much_room(tmp_path: Path) -> None:
    quotas = ClientQuotas(MetadataFile(tmp_path, Files()))
    name = "u" * (MAX_ENTRIES_BYTES // 10)

    def change(*limits: tuple[int, float | None]) -> None:
        changes = quotas.changes()
        for number, limit in limits:
            alter(changes, {"user": f"{name}{number}"}, {"producer_byte_rate": limit})
        changes.save()

    change(*((number, 1.0) for number in range(9)))
    with pytest.raises(ApiError) as raised:
        change((9, 1.0))
    assert raised.value.code is ErrorCode.policy_violation
    assert len([*ClientQuotas(MetadataFile(tmp_path, Files()))]) == 9
    change((0, 2.0), (1, None), (9, 1.0))
    kept = [quota.entity["user"] for quota in ClientQuotas(MetadataFile(tmp_path, Files()))]
    assert kept == [f"{name}{number}" for number in (2, 3, 4, 5, 6, 7, 8, 0, 9)]


def test_what_nobody_has_used_stays_out_of_the_file(tmp_path: Path) -> None:
    metadata = MetadataFile(tmp_path, Files())
    assert "quotas" not in (tmp_path / NAME).read_text()
    changes = ClientQuotas(metadata).changes()
    alter(changes, {"user": "a"}, {"producer_byte_rate": 1.0})
    changes.save()
    assert [quota.entity for quota in ClientQuotas(MetadataFile(tmp_path, Files()))] == [{"user": "a"}]


def test_a_change_that_cannot_be_written_is_taken_back(tmp_path: Path) -> None:
    disk = FullDisk()
    quotas = ClientQuotas(MetadataFile(tmp_path, disk))
    disk.is_full = True
    changes = quotas.changes()
    alter(changes, {"user": "a"}, {"producer_byte_rate": 1.0})
    with pytest.raises(ApiError, match="No space left") as refused:
        changes.save()
    assert refused.value.code is ErrorCode.kafka_storage_error
    assert [*quotas] == []
    disk.is_full = False
    assert [*ClientQuotas(MetadataFile(tmp_path, disk))] == []
