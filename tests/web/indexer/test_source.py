"""The identity of the store's member of the group, and what it asks."""

from concurrent.futures import Future
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from logpost.config import Config
from logpost_web.indexer import source
from logpost_web.indexer.source import Source


def identity(directory: Path) -> str:
    Source(Config(), directory, lambda _: None).close()
    return (directory / "group-instance-id").read_text()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", bytes(44), b"two words"])
def test_an_identity_that_was_damaged_is_made_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "group-instance-id").write_bytes(content)
    made = identity(tmp_path)
    assert made.startswith("indexer-")
    assert identity(tmp_path) == made


def test_a_request_that_the_client_says_nothing_of_is_as_one_that_nobody_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client's own limit and ours end at the same time: whichever is first, the indexer tries again."""
    monkeypatch.setattr(source, "REQUEST_SECONDS", 0.01)
    with pytest.raises(KafkaException, match="_TIMED_OUT"):
        source.outcome(Future())
