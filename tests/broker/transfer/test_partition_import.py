"""What an import makes of a partition's directory of Kafka's."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path

import pytest

from logpost_broker.transfer.partition_import import PartitionImport


@pytest.mark.parametrize("move", [False, True])
def test_others_cannot_read_what_was_imported(tmp_path: Path, move: bool) -> None:
    source, target = tmp_path / "orders-0", tmp_path / "imported-0"
    source.mkdir()
    for name in ("00000000000000000000.log", "00000000000000000000.txnindex"):
        (source / name).touch()
        (source / name).chmod(0o644)
    PartitionImport(source, target, move=move, on_read=lambda _: None, say=print).run(uuid.uuid4())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & ~0o640 for path in target.iterdir()}
    assert len(modes) >= 3
    assert set(modes.values()) == {0}
