"""`logpost store delete`: through a web that runs, and on a box that is stopped."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from logpost_web.backup.known import ended
from tests.support.appliance import await_condition
from tests.web.indexer.test_away import Box
from tests.web.test_store_command import store, through_web

WORDS = "Lovelace"


def post(box: Box, path: str, body: dict[str, str], **headers: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{box.web_port}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def send(box: Box, *texts: str) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    for text in texts:
        producer.produce("logs", text.encode(), partition=0)
    assert producer.flush(60) == 0


def found(box: Box) -> list[str]:
    return sorted(row["message"] for row in box.rows())


@contextlib.contextmanager
def box_with_lines(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    box = Box(directory)
    monkeypatch.setenv("LOGPOST_WEB_PORT", str(box.web_port))
    with box.broker.start(), box.web.start():
        box.await_ready()
        send(box, *(f"Ada {WORDS} {number}" for number in range(20)), *(f"other {number}" for number in range(5)))
        box.await_total(25, 60)
        yield box


def test_delete_by_command_and_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with box_with_lines(tmp_path, monkeypatch) as box:
        others = [f"other {number}" for number in range(5)]
        backup = {"directory": "/mnt/backup", "made": "2026-01-01T00:00:00.000+00:00"}
        ended(box.data / "store", backup["directory"], backup["made"])
        # What comes between the count and the yes is not taken.
        status, counted = post(box, "/api/store/delete?dry_run=true", {"query": f'"Ada {WORDS}"'})
        assert (status, counted["matched"], counted["services"], counted["lacks_bytes"]) == (
            200,
            20,
            [{"service": "", "rows": 20}],
            0,
        )
        assert [one["topic"] for one in counted["kept"]] == ["logs"]
        assert counted["kept"][0]["until"]
        assert counted["backups"] == [backup]
        late = f"Ada {WORDS} late"
        send(box, late)
        box.await_total(26, 60)
        assert len(found(box)) == 26
        # What cannot be written down has not happened, and can be asked for again.
        obstacle = box.data / "store" / "deletions.json.new"
        obstacle.mkdir()
        assert post(box, "/api/store/delete", {"counted": counted["counted"]})[0] == 507
        obstacle.rmdir()
        assert (len(found(box)), box.get("/api/store/deletes")) == (26, {"deletes": []})
        status, accepted = post(box, "/api/store/delete", {"counted": counted["counted"]})
        assert (status, accepted["state"], accepted["matched"]) == (202, "running", 20)
        assert accepted["backups"] == [backup]
        assert found(box) == sorted([late, *others])
        assert box.total() == 6
        with pytest.raises(urllib.error.HTTPError):
            box.get("/api/record", topic="logs", partition=0, offset=0, raw="true")
        await_condition(lambda: box.get(f"/api/store/deletes/{accepted['id']}")["state"] == "done", "it is done", 60)
        assert post(box, "/api/store/delete", {"counted": counted["counted"]})[0] == 409
        assert post(box, "/api/store/delete", {"query": "*"})[0] == 400
        assert post(box, "/api/store/delete", {"query": "other"}, Origin="http://elsewhere.example")[0] == 403
        # By the command, through the web.
        assert through_web(box, "delete", WORDS, "--yes", "--json") == 0
        assert json.loads(capsys.readouterr().out)["state"] == "done"
        assert found(box) == others
        book = box.data / "store" / "deletions.json"
        book.rename(book.with_suffix(".away"))  # of a web that runs, it is the web that says how far they are
        assert through_web(box, "delete", "--list") == 0
        assert capsys.readouterr().out.count(" done: ") == 2
        book.with_suffix(".away").rename(book)
        # Nothing that the web said repeats the words.
        box.web.stop()
        assert not [line for line in box.web.lines if WORDS in line]
        # On the box when its web is stopped; its next start tells the topic.
        answer = store(box, "delete", "other", "--before", "now", "--yes")
        assert (answer.returncode, found_in_list(box)) == (0, ["running", "done", "done"])


def found_in_list(box: Box) -> list[str]:
    listed = json.loads(store(box, "delete", "--list", "--json").stdout)["deletes"]
    return [one["state"] for one in listed]
