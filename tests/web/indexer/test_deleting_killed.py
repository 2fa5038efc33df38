"""kill -9 of the web at any moment of a deletion: all of it happens or nothing. Each step in turn, without processes:
`tests/web/deletion/test_killed.py`."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from tests.support.appliance import await_condition
from tests.web.indexer.test_away import Box

KILLS = 1
LINES = 200


def send(box: Box, word: str) -> None:
    producer = Producer({"bootstrap.servers": box.bootstrap_servers})
    for number in range(LINES):
        producer.produce("logs", f"{word} {number}".encode(), partition=number % 3)
    assert producer.flush(60) == 0


def ask_for_deletion(box: Box, word: str) -> None:
    url = f"http://127.0.0.1:{box.web_port}/api/store/delete"
    body = json.dumps({"query": word}).encode()
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, body, timeout=60) as answer:
        answer.read()


def test_kill_9_in_deletions(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    box = Box(tmp_path)
    words = [f"word{number}" for number in range(KILLS)]
    with box.broker.start(), box.web.start():
        box.await_ready()
        for word in ["kept", *words]:
            send(box, word)
        box.await_total(LINES * (KILLS + 1), 60)
        for word in words:
            asking = threading.Thread(target=ask_for_deletion, args=(box, word))
            asking.start()
            threading.Event().wait(chance.uniform(0.0, 0.8))
            box.web.kill()
            asking.join(60)
            box.web.start()
            box.await_ready()

        def deletions() -> list[dict[str, Any]]:
            return list(box.get("/api/store/deletes")["deletes"])

        await_condition(lambda: all(one["state"] == "done" for one in deletions()), f"all are done, seed {seed}", 60)
        await_condition(lambda: not box.get("/api/search", limit=1)["complete"]["behind"], f"all, seed {seed}", 60)
        found = Counter(row["message"].split()[0] for row in box.rows())
        left = {word for word in words if word in found}
        assert found == dict.fromkeys(["kept", *left], LINES), f"seed {seed}"
        assert len(words) - len(left) == len(deletions()), f"seed {seed}"
        complete = box.get("/api/search", limit=1)["complete"]
        assert [complete[name] for name in ("missing", "dropped", "stepped_over")] == [[], [], []], f"seed {seed}"
