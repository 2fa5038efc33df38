from pathlib import Path

import pytest

from logpost_web.store.durable import replace


def test_a_file_is_replaced_or_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "file"
    for content in (b"one", b"two, longer", b""):
        replace(file, content)
        assert file.read_bytes() == content
    (tmp_path / "file.new").mkdir()
    with pytest.raises(OSError, match=r"file\.new"):
        replace(file, b"three")
    assert file.read_bytes() == b""
