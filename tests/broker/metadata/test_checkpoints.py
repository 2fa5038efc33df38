"""Kafka's small files: what is written is read back, what makes no sense is refused."""

from __future__ import annotations

import uuid

import pytest

from logpost_broker.metadata.checkpoints import formatted_checkpoint, parsed_checkpoint, partition_metadata, topic_id_of


def test_offsets_are_read_back() -> None:
    offsets = {("a", 0): 0, ("a-1", 12): 2**62, ("b.c_d", 3): 7}
    assert parsed_checkpoint(formatted_checkpoint(offsets)) == offsets
    assert parsed_checkpoint(formatted_checkpoint({})) == {}


def test_kafkas_own_form_is_read() -> None:
    assert parsed_checkpoint(b"0\n1\nlogs 3 42\n") == {("logs", 3): 42}
    assert topic_id_of(b"version: 0\ntopic_id: 3Db5QLSqSZieL3rJBUUegA") is not None


@pytest.mark.parametrize(
    "data", [b"", b"0\n", b"1\n0\n", b"0\n2\na 0 1\n", b"0\n1\na 0 -1\n", b"0\n1\na 0\n", b"\xff\n1\n"]
)
def test_what_makes_no_sense_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^its "):
        parsed_checkpoint(data)


def test_a_topics_id_is_read_back_and_nothing_else_is_one() -> None:
    topic_id = uuid.uuid4()
    data = partition_metadata(topic_id)
    assert topic_id_of(data) == topic_id
    for damaged in (b"", data[:-3], data + b"x", data.replace(b"version: 0", b"version: 1")):
        assert topic_id_of(damaged) is None
