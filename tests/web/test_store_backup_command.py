"""`logpost store backup` and `restore`: beside a web that runs and indexes, and on a box that is stopped."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from logpost.cli import main
from tests.support.appliance import await_condition
from tests.support.processes import run
from tests.web.indexer.test_away import Box

KILLS = 2
SECONDS = 60.0


def send(box: Box, start: int, end: int) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    for number in range(start, end):
        producer.produce("logs", f"line {number}".encode(), partition=number % 3)
    assert producer.flush(60) == 0


def numbers(box: Box) -> list[int]:
    return sorted(int(row["message"].split()[1]) for row in box.rows())


def shadow(box: Box) -> Path:
    return box.data / "store" / "clickhouse" / "shadow"


def known(box: Box) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((box.data / "store" / "backups.json").read_text())
    return found


def through_web(box: Box, *arguments: str) -> int:
    """In this process, since it opens no store."""
    return main(["store", *arguments, "--data", str(box.data)])


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    box = Box(tmp_path)
    monkeypatch.setenv("LOGPOST_WEB_PORT", str(box.web_port))
    return box


def test_backup_and_restore_beside_a_web_that_indexes(
    box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Some backups are killed. Whatever is restored, however often, each line is there once."""
    target = tmp_path / "backup"
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, 0, 1000)
        box.await_total(1000, SECONDS)
        sender = threading.Thread(target=send, args=(box, 1000, 3000))
        sender.start()
        for number in range(KILLS):
            with subprocess.Popen(
                [sys.executable, "-m", "logpost", "store", "backup", str(target), "--data", str(box.data)]
            ) as backup:
                await_condition(lambda: shadow(box).exists() or backup.poll() is not None, "it is frozen", SECONDS)
                threading.Event().wait(number * 0.03)
                backup.kill()
            await_condition(lambda: not shadow(box).exists(), "nothing is left", SECONDS)
        assert through_web(box, "backup", "--json", str(target)) == 0
        made = json.loads(capsys.readouterr().out)
        await_condition(lambda: not shadow(box).exists(), "nothing is left", SECONDS)
        assert known(box) == [{"directory": str(target), "made": made["made"], "is_whole": True}]
        assert through_web(box, "check", str(target)) == 0
        sender.join(SECONDS)
        for _ in range(2):
            assert through_web(box, "restore", str(target)) == 0
            send(box, 3000, 3010)
            await_condition(lambda: numbers(box)[-1] >= 3000, "it goes on", SECONDS)
        await_condition(lambda: len(numbers(box)) == 3020, "all lines", SECONDS)
        assert numbers(box)[:3000] == list(range(3000))
        assert through_web(box, "check") == 0
        # Of the table only what the backup has comes back before the topic is read again.
        capsys.readouterr()
        box.web.stop()
        shutil.rmtree(box.data / "store" / "clickhouse")
        box.web.start()
        box.await_ready()
        assert through_web(box, "restore", str(target)) == 0
        await_condition(lambda: len(numbers(box)) == 3020, "all lines", SECONDS)
        assert numbers(box)[:3000] == list(range(3000))
        await_condition(lambda: through_web(box, "check") == 0, "the store is sound", SECONDS)


def test_a_box_that_is_stopped_and_one_whose_topics_are_gone(box: Box, tmp_path: Path) -> None:
    """A host that was lost: what the backup has is found beside the lines of the new topics."""
    target = tmp_path / "backup"
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, 0, 300)
        box.await_total(300, SECONDS)
    for copied in (True, False):
        made = json.loads(run("store", "backup", "--json", str(target), "--data", str(box.data), timeout=120).stdout)
        assert (made["copied_parts"] > 0) is copied
    shutil.rmtree(box.data)
    box.data.mkdir()
    for rows in (300, 0):
        restored = run("store", "restore", "--json", str(target), "--data", str(box.data), timeout=120)
        assert (restored.returncode, json.loads(restored.stdout)["rows"]) == (0, rows)
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, 300, 310)
        await_condition(lambda: numbers(box) == list(range(310)), "old and new lines", SECONDS)
        complete = box.get("/api/search", q="")["complete"]
        assert (complete["dropped"], complete["missing"]) == ([], [])
    (next(target.glob("parts/otel_logs/*/data.bin"))).write_bytes(b"")
    answer = run("store", "restore", str(target), "--data", str(box.data), timeout=120)
    assert (answer.returncode, "is damaged: otel_logs 0-" in answer.stderr) == (1, True)
    assert len(answer.stderr.splitlines()) == 1
    answer = run("store", "check", str(target), timeout=60)
    assert (answer.returncode, "1 damaged" in answer.stdout) == (1, True)
    assert run("store", "backup", str(target), "--data", str(box.data), timeout=120).returncode == 0
    assert run("store", "check", str(target), timeout=60).returncode == 0


def post(box: Box, path: str, **headers: str) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{box.web_port}{path}", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_what_the_web_refuses(box: Box, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box.web.environment["LOGPOST_STORE_BACKUPS"] = str(tmp_path / "allowed")
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "link").symlink_to("/")
    with box.broker.start(), box.web.start():
        box.await_ready()
        for path in ("/api/store/backup", "/api/store/restore", "/api/store/backup/end"):
            assert post(box, f"{path}?directory=/x", Origin="http://elsewhere.example") == 403
            assert post(box, f"{path}?directory=x") == 400
        for elsewhere in ("/not/there", "/", f"{tmp_path}/allowed/../other", f"{tmp_path}/allowed/link", "/proc"):
            assert post(box, f"/api/store/restore?directory={elsewhere}") == 409
        assert through_web(box, "restore", str(tmp_path / "none")) == 1
        assert "is no backup of a store: there is no such directory" in capsys.readouterr().err
        held = urllib.request.urlopen(
            urllib.request.Request(
                f"http://127.0.0.1:{box.web_port}/api/store/backup?directory={tmp_path}/b", method="POST"
            ),
            timeout=SECONDS,
        )
        with held:
            assert Path(json.loads(held.readline())["directory"]).is_dir()
            assert through_web(box, "backup", str(tmp_path / "other")) == 1
            assert "another backup or restore goes on" in capsys.readouterr().err
        await_condition(lambda: not shadow(box).exists(), "it is let go", SECONDS)
        assert [one["is_whole"] for one in known(box)] == [False]
        assert through_web(box, "backup", str(tmp_path / "other")) == 0
