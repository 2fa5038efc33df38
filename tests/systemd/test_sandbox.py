"""Each part does its work inside what its unit allows."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from tests.e2e.test_up import search
from tests.support.appliance import Appliance, await_condition
from tests.support.processes import Part, free_port
from tests.support.units import NAMES, lacking, sandbox

SECONDS = 120.0
pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"needs {lacking()}")


@pytest.mark.parametrize("name", NAMES)
def test_the_sandbox_refuses_what_no_part_needs(name: str) -> None:
    program = "import os, socket\ntry: os.chown('/', 0, 0)\nexcept PermissionError: print('chown')\n"
    program += "try: socket.socket(socket.AF_PACKET)\nexcept PermissionError: print('packets')\n"
    ended = subprocess.run(
        [*sandbox(name), sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "chown\npackets\n", ended.stderr


def test_lines_are_shipped_kept_and_found_again_and_again(tmp_path: Path) -> None:
    """The embedded store compiles an expression when it has met it a few times."""
    log = tmp_path / "app.log"
    log.write_text("".join(f'{{"level":"error","message":"line {n}","took":{n}}}\n' for n in range(100)))
    appliance = Appliance(tmp_path, sources=f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n')
    for part in (appliance.broker, appliance.web, appliance.agent):
        part.inside = sandbox(f"logpost-{part.arguments[0]}")
    with appliance:
        appliance.await_total(100)
        answers = [
            (
                appliance.get("/api/search", q="level:error took:>50 line", start="-1h", limit=50)["rows"],
                appliance.get("/api/histogram", q="took:>=10", by="level", buckets=10)["total"],
            )
            for _ in range(10)
        ]
        assert answers == [answers[0]] * 10
        assert (len(answers[0][0]), answers[0][1]) == (49, 90)
        produce_and_consume(appliance.bootstrap_servers)


def produce_and_consume(servers: str) -> None:
    """With every codec."""
    codecs = ("zstd", "lz4", "snappy", "gzip", "none")
    for codec in codecs:
        producer = Producer({"bootstrap.servers": servers, "compression.type": codec})
        producer.produce("codecs", b"x" * 1000)
        assert producer.flush(SECONDS) == 0
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "codecs", "auto.offset.reset": "earliest"})
    consumer.subscribe(["codecs"])
    values = [message.value() for message in consumer.consume(len(codecs), SECONDS)]
    consumer.close()
    assert values == [b"x" * 1000] * len(codecs)


def test_the_box_runs_in_the_sandbox_of_its_unit(tmp_path: Path) -> None:
    settings = {"broker.port": free_port(), "broker.metrics_port": 0, "web.port": free_port(), "agent.metrics_port": 0}
    up = Part("up", "--data", str(tmp_path / "data"), settings=settings, inside=sandbox("logpost"))
    with up.start(until="logpost is up: "):
        await_condition(lambda: search(up, "service:logpost-broker") != [], "logpost's own logs", SECONDS)


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="needs journalctl")
@pytest.mark.parametrize("name", ["logpost", "logpost-agent"])
def test_journalctl_runs_in_the_sandbox(name: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [*sandbox(name), "journalctl", "--directory", str(tmp_path), "--output=json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "")
