"""A store of a newer release or engine is refused, and not a byte of it changes."""

import json
from pathlib import Path

import pytest

from logpost.config import StoreConfig
from logpost.errors import StartError
from logpost_web.store.schema import VERSION, version_comment
from logpost_web.store.store import Store
from logpost_web.store.version import ENGINE_FILE, FILE
from tests.support.processes import run


def opened(directory: Path) -> dict[str, object]:
    """What its file says after it was opened."""
    Store.open(StoreConfig(), directory).close()
    found: dict[str, object] = json.loads((directory / "clickhouse" / FILE).read_text())
    return found


def contents(directory: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def refused(directory: Path, says: str) -> None:
    """No file is touched, made or removed: neither the lock nor what another process left in the way."""
    (directory / "lock").unlink(missing_ok=True)
    (directory / "tmp").mkdir(exist_ok=True)
    (directory / "tmp" / "left").write_text("of one that was killed")
    before = contents(directory)
    with pytest.raises(StartError, match=says):
        Store.open(StoreConfig(), directory)
    assert contents(directory) == before


def test_a_store_names_layout_engine_and_release(tmp_path: Path) -> None:
    found = opened(tmp_path)
    assert found["layout"] == VERSION
    assert str(found["engine"])[:2].isdecimal()
    assert found["logpost"]
    assert opened(tmp_path) == found


def test_a_newer_layout_is_refused_by_the_file_and_by_the_table(tmp_path: Path) -> None:
    found = opened(tmp_path)
    file = tmp_path / "clickhouse" / FILE
    file.write_text(json.dumps({**found, "layout": VERSION + 1, "logpost": "9.8", "more": [1]}))
    refused(
        tmp_path, rf"layout {VERSION + 1}, made by a newer logpost \(9\.8\); this one knows {VERSION} .*start the newer"
    )
    file.write_text(json.dumps(found))
    table = tmp_path / "clickhouse" / "metadata" / "default" / "otel_logs.sql"
    table.write_text(table.read_text().replace(version_comment(VERSION), version_comment(VERSION + 2)))
    refused(tmp_path, f"layout {VERSION + 2}, made by a newer logpost")


def test_a_newer_engine_is_refused_and_one_of_the_same_month_is_not(tmp_path: Path) -> None:
    found = opened(tmp_path)
    own = str(found["engine"])
    year, month, *patch = own.split(".")
    file, older = tmp_path / "clickhouse" / FILE, tmp_path / "clickhouse" / ENGINE_FILE
    for newer in (f"{year}.{int(month) + 1}.1.1", f"{int(year) + 1}.1.0.1"):
        file.write_text(json.dumps({**found, "engine": newer}))
        refused(tmp_path, f"was written by ClickHouse {newer}; this logpost has .*: start the newer release")
        file.unlink()
        older.write_text(newer)  # as before there was such a file
        refused(tmp_path, f"was written by ClickHouse {newer}; this logpost has .*: start the newer release")
        older.unlink()
    for known in (f"{year}.{month}.{int(patch[0]) + 1}.1", f"{int(year) - 1}.12.1.1", "", "what"):
        file.write_text(json.dumps({**found, "engine": known}))
        assert opened(tmp_path) == found
        file.unlink()
        older.write_text(known)
        assert opened(tmp_path) == found
        assert not older.exists()
    for damaged in (b"", b"\0" * 50, b'{"layout": "x"}'):
        file.write_bytes(damaged)
        assert opened(tmp_path) == found


def test_the_command_ends_with_one_line(tmp_path: Path) -> None:
    opened(tmp_path / "store")
    (tmp_path / "store" / "clickhouse" / FILE).write_text(json.dumps({"layout": VERSION + 1}))
    before = contents(tmp_path / "store")
    for command in (("web",), ("store", "check"), ("store", "rebuild")):
        answer = run(*command, "--data", str(tmp_path), timeout=60)
        assert answer.returncode == 1
        assert f"has layout {VERSION + 1}" in answer.stderr
        assert len(answer.stderr.splitlines()) == 1
    assert contents(tmp_path / "store") == before
