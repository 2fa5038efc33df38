"""`logpost store`: on a box that is stopped, and through its web where it runs."""

import json
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer

from logpost.cli import main
from tests.support.appliance import await_condition
from tests.support.processes import run
from tests.web.indexer.test_away import Box


def store(box: Box, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Of a box that is stopped."""
    return run("store", *arguments, "--data", str(box.data), timeout=120)


def through_web(box: Box, *arguments: str) -> int:
    """Of a box that runs: exit status. In this process, since it opens no store."""
    return main(["store", *arguments, "--data", str(box.data)])


def damage(box: Box) -> None:
    for file in (box.data / "store").glob("clickhouse/store/*/*/0-*_*/data.bin"):
        content = bytearray(file.read_bytes())
        content[::50] = bytes(255 - byte for byte in content[::50])
        file.write_bytes(content)


def test_check_and_rebuild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    box = Box(tmp_path)
    monkeypatch.setenv("LOGPOST_WEB_PORT", str(box.web_port))
    with box.broker.start():
        producer = Producer({"bootstrap.servers": box.bootstrap_servers})
        for number in range(100):
            producer.produce("logs", f"line {number}".encode(), partition=0)
        assert producer.flush(60) == 0
        with box.web.start():
            box.await_ready()
            box.await_total(100, 60)
            assert through_web(box, "check") == 0
            capsys.readouterr()
            assert through_web(box, "stats") == 0
            assert capsys.readouterr().out.startswith("100 rows in ")
            assert through_web(box, "confirm") == 0
            assert capsys.readouterr().out == "nothing waits\n"
            capsys.readouterr()
            assert through_web(box, "rebuild", "--json") == 0
            assert json.loads(capsys.readouterr().out)["state"] == "done"
            assert box.total() == 100
            damage(box)
            assert through_web(box, "check", "--json") == 1
            found = json.loads(capsys.readouterr().out)
            assert found["damaged"]
            assert (found["lacking_rows"], found["readable_rows"]) == (100, 100)
            assert sum(one["end"] - one["start"] for one in found["lacking"]) == 100
            await_condition(lambda: through_web(box, "check") == 0, "nothing is damaged any more", 60)
            await_condition(lambda: box.total() == 100, "it is mended", 60)  # sound it is before all rows are back
        assert json.loads(store(box, "stats", "--json").stdout)["contents"]["rows"] == 100
        assert "does not do it" in store(box, "confirm").stderr
        damage(box)
        answer = store(box, "check")
        assert answer.returncode == 1
        assert "; 100 rows are missing\nthose that the topics still have are read again" in answer.stdout
        assert answer.stderr == ""
        assert store(box, "rebuild").returncode == 0
        with box.web.start():
            box.await_total(100, 60)
            box.await_ready()
            assert box.total() == 100
        for file in (box.data / "store" / "clickhouse" / "metadata").glob("default/*.sql"):
            file.write_text("no definition")
        answer = store(box, "check")
        assert (answer.returncode, "`logpost store rebuild`" in answer.stderr) == (1, True)
        answer = store(box, "rebuild")
        assert (answer.returncode, "it is kept as" in answer.stderr) == (0, True)
        assert not (box.data / "store" / "clickhouse").exists()  # the next start of the web makes and fills it


def test_wrong_use_and_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert run("store", "mend").returncode == 2
    assert run("store").returncode == 2
    answer = run("store", "check", "--data", str(tmp_path))
    assert answer.returncode == 1
    assert "there is no store" in answer.stderr


@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_in_the_place_of_a_store_is_put_aside_as_the_error_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], is_link: bool
) -> None:
    place = tmp_path / "store" / "clickhouse"
    place.parent.mkdir()
    if is_link:
        place.symlink_to(tmp_path / "not mounted")
    else:
        place.write_text("a file")
    assert main(["store", "check", "--data", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "it is no directory" in said
    assert "`logpost store rebuild`" in said
    assert main(["store", "rebuild", "--data", str(tmp_path)]) == 0
    assert "it is kept as" in capsys.readouterr().err
    assert [file.name.partition("-")[0] for file in place.parent.glob("clickhouse*")] == ["clickhouse"]
    assert not place.is_symlink()
    assert not place.exists()
