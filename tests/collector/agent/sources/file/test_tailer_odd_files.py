"""What stands under a name that is to be read and is no ordinary log: shipped, or left out with one warning."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.reports import Reports
from tests.collector.agent.harness import Host

TEBIBYTE = 1 << 40


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    (tmp_path / "good.log").write_text("good\n")
    yield host
    host.close()


def messages(host: Host) -> list[str]:
    return [record.message for record in host.topic.records]


@pytest.mark.parametrize(
    ("name", "text"), [(b"a\xff.log", "a\\xff.log"), (b"a\nb.log", "a\nb.log"), ("ä€.log".encode(), "ä€.log")]
)
def test_any_name_is_shipped_and_known_again(host: Host, tmp_path: Path, name: bytes, text: str) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text("one\n")
    host.read()
    host.stop()
    path.rename(tmp_path / "odd.1")
    path.write_text("two\n")
    with (tmp_path / "odd.1").open("a") as file:
        file.write("last\n")
    host.read()
    assert sorted(messages(host)) == ["good", "last", "one", "two"]
    assert {record.file for record in host.topic.records} == {str(tmp_path / "good.log"), f"{tmp_path}/{text}"}


def test_what_is_no_file_is_said_once(host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "fifo.log")
    (tmp_path / "zero.log").symlink_to("/dev/zero")
    (tmp_path / "loop.log").symlink_to("loop.log")
    (tmp_path / "gone.log").symlink_to("nowhere")
    (tmp_path / "directory.log").mkdir()
    (tmp_path / "forged\nline.log").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.log"))
        for _ in range(3):
            host.read()
            host.sleep(1)
    assert messages(host) == ["good"]
    assert sorted(record.message for record in caplog.records) == [
        f"{tmp_path}/fifo.log is not read: it is a FIFO",
        f"{tmp_path}/forged\\nline.log is not read: it is a device",
        f"{tmp_path}/loop.log is not read: Too many levels of symbolic links",
        f"{tmp_path}/s.log is not read: it is a socket",
        f"{tmp_path}/zero.log is not read: it is a device",
    ]


def test_a_fifo_that_takes_the_place_of_a_file_stops_nothing(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what it is and the opening."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "a.log").write_text("one\n")
    look = os.stat

    def swapped(path: str) -> os.stat_result:
        status = look(path)
        if str(path).endswith("a.log"):
            (tmp_path / "fifo").replace(tmp_path / "a.log")
        return status

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", swapped)
        host.tailer.scan(host.now, host.now_ns)
    host.read()
    assert messages(host) == ["good"]


@pytest.mark.parametrize("begun", [b"", b"begun"])
def test_a_line_of_terabytes_that_were_never_written_holds_up_nobody(host: Host, tmp_path: Path, begun: bytes) -> None:
    sparse = tmp_path / "sparse.log"
    sparse.write_bytes(begun)
    os.truncate(sparse, TEBIBYTE)
    host.read()
    with sparse.open("ab") as file:
        file.write(b"\nafter\n")
    host.read()
    assert messages(host)[-1] == "after"
    assert len(messages(host)) < 500
    host.stop()
    host.read()
    assert messages(host)[-1] == "after"


def test_a_file_without_an_end_takes_its_turn(host: Host, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * 100_000)
    host.scan()
    for _ in range(3):
        if host.tailer.has_work:
            host.tailer.turn(host.now, host.now_ns)
        with (tmp_path / "a.log").open("ab") as file:
            file.write(b"x" * 100_000)
        host.scan()
    assert "good" in messages(host)
    assert max(map(len, messages(host))) == 4096


def test_a_line_waits_for_its_newline(tmp_path: Path) -> None:
    host = Host(tmp_path, partial_line_seconds=60)
    line = '{"time":"2026-11-28T10:20:30Z","level":"error","msg":"one event"}\n'
    with (tmp_path / "a.log").open("w") as file:
        file.write(line[:40])
        file.flush()
        host.read()
        host.sleep(59)
        file.write(line[40:])
    host.read()
    [record] = host.topic.records
    assert (record.level, record.message) == ("error", "one event")
    with (tmp_path / "a.log").open("a") as file:
        file.write("never ended")
    host.read()
    host.sleep(61)
    assert messages(host)[1:] == ["never ended"]
    host.close()


def test_what_systemd_keeps_for_root_on_every_host_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    denied = PermissionError(13, "Permission denied")
    with caplog.at_level(logging.INFO):
        Reports().unlisted({"/var/log/private": denied, "/var/log/app": denied})
    told = [(record.levelname, record.message.split()[3]) for record in caplog.records]
    assert told == [("INFO", "/var/log/private"), ("WARNING", "/var/log/app")]
