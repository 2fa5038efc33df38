"""`logpost doctor` and its bundle on a box that runs, and on one whose configuration is broken: it changes nothing,
ends as scripts expect, and keeps all secrets."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.cli import main
from tests.support.appliance import Appliance, await_condition

CANARY = "c4n4ry"
"""Stands in each secret, so that one search finds any that is shown."""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    place = tmp_path_factory.mktemp("box")
    (place / "app.log").write_text("".join(f"2026-11-22T10:51:07Z line {number}\n" for number in range(100)))
    sources = f'[[agent.source]]\ntype = "file"\npaths = ["{place}/app.log"]\nstart = "beginning"\n'
    with Appliance(place, sources=sources) as running:
        running.await_total(100)
        await_condition(lambda: running.get("/readyz")["ready"], "the web is ready", 60)
        yield running


def settings(box: Appliance, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a command on this box."""
    for name in [name for name in os.environ if name.startswith("LOGPOST_")]:
        monkeypatch.delenv(name)
    for name, text in box.web.environment.items():
        if name.startswith("LOGPOST_"):
            monkeypatch.setenv(name, text)
    return list(box.web.arguments[1:])


def test_a_box_that_runs_is_well(
    box: Appliance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = settings(box, monkeypatch)
    status = main(["doctor", "--json", *options])
    found = json.loads(capsys.readouterr().out)
    failed = [one for one in found["checks"] if one["state"] == "fail"]
    assert (failed, status) == ([], 0)
    assert all(one.keys() == {"check", "state", "detail", "remedy"} for one in found["checks"])
    assert all(bool(one["remedy"]) == (one["state"] != "ok") for one in found["checks"])
    assert {"parts", "ports", "broker", "topic", "groups", "store", "agent", "sources"} <= {
        one["check"] for one in found["checks"] if one["state"] == "ok"
    }
    assert main(["doctor", *options]) == 0
    assert f"broker runs (pid {box.broker.process.pid})" in capsys.readouterr().out


def snapshot(directory: Path) -> dict[str, tuple[int, int, int, int, int]]:
    found = {}
    for path in (directory, *directory.rglob("*")):
        one = path.lstat()
        found[str(path)] = (one.st_mode, one.st_uid, one.st_size, one.st_ino, one.st_mtime_ns)
    return found


LOOKS = [["doctor"], ["status"], ["health"], ["config", "check"], ["config", "print"]]


@pytest.mark.parametrize("command", LOOKS, ids=str)
def test_a_box_that_is_stopped_stays_as_it_is(command: list[str], tmp_path: Path) -> None:
    """No lock is taken, no file made."""
    data = tmp_path / "data"
    for part in ("agent", "broker", "store", "log"):
        (data / part).mkdir(parents=True)
        (data / part / "lock").write_text("1\n")
    (data / "agent" / "positions.json").write_text('{"version": 2, "sources": {}}')
    (data / "log" / "up.log").write_text("said\n")
    before = snapshot(tmp_path)
    assert main([*command, "--data", str(data)]) in (0, 1)
    assert snapshot(tmp_path) == before


def test_a_box_that_runs_is_looked_at_and_no_more(box: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parts themselves write meanwhile has other times, and the store has other files."""
    options = settings(box, monkeypatch)

    def kept() -> set[tuple[str, int, int]]:
        found = snapshot(box.data).items()
        return {(path, mode, owner) for path, (mode, owner, *_) in found if "/store/clickhouse/" not in path}

    before = kept()
    for command in LOOKS:
        assert main([*command, *options]) == 0
    assert kept() == before
    assert all(part.process.poll() is None for part in (box.broker, box.web, box.agent))
    assert main(["reload", *options]) == 0  # the sockets by which parts are asked are there, and theirs


def unpacked(bundle: Path) -> dict[str, str]:
    with tarfile.open(bundle) as archive:
        return {
            one.name.removeprefix("logpost-bundle/"): file.read().decode()
            for one in archive
            if (file := archive.extractfile(one)) is not None
        }


def test_a_bundle_of_a_box_that_runs(box: Appliance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = settings(box, monkeypatch)
    bundle = tmp_path / "bundle.tar.gz"
    assert main(["doctor", *options, "--bundle", str(bundle)]) == 0
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    found = unpacked(bundle)
    assert {"left-out.txt", "doctor.json", "status.json", "settings.txt", "metrics/web.txt"} <= found.keys()
    assert "logpost_indexer_rows_total" in found["metrics/web.txt"]
    assert json.loads(found["status.json"])["parts"][1]["state"] == "running"
    assert "line 99" not in "".join(found.values())  # what is shipped stays here


@pytest.mark.parametrize("is_broken", [False, True])
def test_no_secret_is_in_a_bundle_nor_shown(
    is_broken: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the configuration cannot be read, so that nobody knows which settings there are."""
    data, file = tmp_path / "data", tmp_path / "logpost.toml"
    (data / "log").mkdir(parents=True)
    (data / "log" / "web.log").write_text(
        f"2026-11-30T10:00:00.000Z ERROR web: cannot reach https://u:{CANARY}1@db/x?key={CANARY}2\n"
        f"2026-11-30T10:00:00.000Z ERROR agent: SASL said: {CANARY}3 is not it; password={CANARY}4\n"
        f"2026-11-30T10:00:00.000Z ERROR agent: Authorization: Bearer {CANARY}5\n"
        f"2026-11-30T10:00:00.000Z ERROR agent: {CANARY}6 of the environment\n"
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}7\n-----END PRIVATE KEY-----\n"
    )
    (data / "agent").mkdir()
    (data / "agent" / "host.key").write_text(f"{CANARY}8")
    file.write_text(
        f"# the password is {CANARY}9\n"
        f'[kafka]\nbootstrap_servers = "127.0.0.1:1"\nsecurity_protocol = "SASL_SSL"\n'
        f'sasl_username = "u"\nsasl_password = "{CANARY}3"\n'
        f'[store]\nurl = "clickhouse://{CANARY}a:{CANARY}b@127.0.0.1:1/x?token={CANARY}c"\n'
        + ("[[[" if is_broken else "")
    )
    monkeypatch.setenv("HARMLESS", f"url=https://x?{CANARY}d")
    monkeypatch.setenv("DB_PASSWORD", f"{CANARY}6")
    options = ["--config", str(file), "--data", str(data)]
    bundle = tmp_path / "bundle.tar.gz"
    assert main(["doctor", *options, "--bundle", str(bundle)]) == 1
    found = unpacked(bundle)
    assert "cannot reach https://…@db/x?…" in found["log/web.log"]
    assert [name for name, text in found.items() if CANARY in text] == []
    assert {name for name in found if name.endswith(".json") and json.loads(found[name])} == {
        "doctor.json",
        "status.json",
    }
    assert main(["doctor", "--json", *options]) == 1
    assert main(["config", "print", *options]) == (2 if is_broken else 0)
    assert main(["status", "--json", *options]) == (2 if is_broken else 0)
    assert CANARY not in "".join(capsys.readouterr())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_bundle_is_nobody_elses_who_was_there_first(tmp_path: Path) -> None:
    waiting = tmp_path / "bundle.tar.gz.new"
    waiting.write_text("")
    os.chown(waiting, 54_321, 54_321)
    with waiting.open("rb") as kept:
        main(["doctor", "--data", str(tmp_path / "data"), "--bundle", str(tmp_path / "bundle.tar.gz")])
        assert ((tmp_path / "bundle.tar.gz").stat().st_uid, kept.read()) == (0, b"")


def test_a_bundle_follows_no_link_of_the_logs(tmp_path: Path) -> None:
    """Their user may put one there, and root makes the bundle."""
    (tmp_path / "secret").write_text("canary\n")
    (tmp_path / "data" / "log").mkdir(parents=True)
    (tmp_path / "data" / "log" / "web.log").symlink_to(tmp_path / "secret")
    main(["doctor", "--data", str(tmp_path / "data"), "--bundle", str(tmp_path / "bundle.tar.gz")])
    assert "canary" not in "".join(unpacked(tmp_path / "bundle.tar.gz").values())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_name_is_shown_on_any_terminal(encoding: str, tmp_path: Path) -> None:
    data, file = tmp_path / os.fsdecode(b"caf\xe9-\xc3\xa9"), tmp_path / "logpost.toml"
    (data / "agent").mkdir(parents=True)
    file.write_text('[broker]\nport = 1\n[[agent.source]]\ntype = "file"\npaths = ["/é/*.log"]\n')
    options = ["--config", str(file), "--data", str(data)]
    commands = (["doctor"], ["doctor", "--json"], ["status", "--json"], ["doctor", "--bundle", f"{tmp_path}/b"])
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "logpost", *command, *options],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for command in commands  # beside each other: each waits for a broker that is away
    ]
    for command, process in zip(commands, running, strict=True):
        stdout, stderr = process.communicate(timeout=120)
        assert b"Traceback" not in stderr, stderr.decode()
        if "--json" in command:
            json.loads(stdout.decode())
    checks = json.loads(unpacked(tmp_path / "b")["doctor.json"])["checks"]
    assert any("caf\\udce9-é" in one["detail"] for one in checks)


def test_a_bundle_that_cannot_be_written_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "nowhere" / "bundle.tar.gz"
    assert main(["doctor", "--data", str(tmp_path / "data"), "--bundle", str(bundle)]) == 1
    said = capsys.readouterr().err
    assert said == f"logpost: cannot write {bundle}: No such file or directory\n"
