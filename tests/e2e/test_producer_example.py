"""A first program for Kafka, as the Python client's documentation teaches it, runs against logpost as it is."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import Part, free_port

# A program in the manner of that documentation: only the port differs, because tests share the machine.
PROGRAM = """
from confluent_kafka import Producer

producer = Producer({{"bootstrap.servers": "localhost:{port}"}})

def delivery_report(error, message):
    if error is not None:
        print(f"delivery failed: {{error}}")
    else:
        print(f"delivered to {{message.topic()}} [{{message.partition()}}]")

for data in ["first letter", "second letter"]:
    producer.poll(0)
    producer.produce("myTopic", data.encode("utf-8"), callback=delivery_report)

producer.flush()
"""


@pytest.fixture
def port(tmp_path: Path) -> int:
    return free_port()


def test_the_first_program_is_told_of_its_delivery_and_kcat_reads_it_back(tmp_path: Path, port: int) -> None:
    settings = {"broker.port": port, "broker.metrics_port": 0}
    with Part("broker", "--data", str(tmp_path), settings=settings).start():
        program = [sys.executable, "-c", PROGRAM.format(port=port)]
        printed = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout
        assert printed == "delivered to myTopic [0]\n" * 2
        if shutil.which("kcat") is None:
            pytest.skip("kcat is not installed (Debian: apt install kcat)")
        read = ["kcat", "-C", "-b", f"localhost:{port}", "-t", "myTopic", "-o", "beginning", "-e", "-q", "-J"]
        messages = subprocess.run(read, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
        assert [json.loads(message)["payload"] for message in messages] == ["first letter", "second letter"]
