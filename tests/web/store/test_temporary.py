"""Nothing of the store is written outside the data directory."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from logpost_web.store.temporary import TemporaryFiles

OPEN_AND_FILL = """
import pathlib, sys
from logpost.config import StoreConfig
from logpost_web.store.store import Store
store = Store.open(StoreConfig(), pathlib.Path(sys.argv[1]))
store.insert(b'{"Body": "a line"}')
print(store.query("SELECT Body FROM otel_logs").rows)
store.close()
"""


def test_the_unit_of_the_box_lets_nobody_write_to_tmp(tmp_path: Path) -> None:
    elsewhere = tmp_path / "tmp"
    elsewhere.mkdir()
    before = elsewhere.stat().st_mtime_ns
    left = tmp_path / "store" / "tmp" / "of a start that was killed"
    left.mkdir(parents=True)
    filled = subprocess.run(
        [sys.executable, "-c", OPEN_AND_FILL, str(tmp_path / "store")],
        env=os.environ | {"TMPDIR": str(elsewhere)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (filled.returncode, filled.stdout) == (0, "[('a line',)]\n"), filled.stderr
    assert elsewhere.stat().st_mtime_ns == before
    assert {path.name for path in (tmp_path / "store").iterdir()} == {"clickhouse", "lock"}


def test_the_usual_place_is_used_again_afterwards(tmp_path: Path) -> None:
    before = os.environ.get("TMPDIR"), tempfile.gettempdir()
    temporary = TemporaryFiles(tmp_path / "tmp")
    with tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).parent == tmp_path / "tmp"
    temporary.close()
    assert (os.environ.get("TMPDIR"), tempfile.gettempdir()) == before
    assert not (tmp_path / "tmp").exists()
