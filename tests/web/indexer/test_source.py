"""The identity of the store's member of the group."""

from pathlib import Path

import pytest

from logpost.config import Config
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
