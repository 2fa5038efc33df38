"""`pip install 'logpost[broker]'`: the embedded broker, and the pytest fixture."""

import subprocess
import sys
from pathlib import Path

from confluent_kafka import Producer

from logpost_broker import Broker

TEST = """
from confluent_kafka import Producer

def test_it(logpost_broker):
    producer = Producer({"bootstrap.servers": logpost_broker.bootstrap_servers})
    producer.produce("letters", b"one")
    assert producer.flush(60) == 0
"""

with Broker() as broker:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "compression.type": "lz4"})
    producer.produce("letters", b"one")
    assert producer.flush(60) == 0

Path("test_it.py").write_text(TEST)
Path("pytest.ini").write_text("[pytest]\n")  # or a project's above would be read
done = subprocess.run(
    [sys.executable, "-m", "pytest", "-q", "test_it.py"], capture_output=True, text=True, timeout=120, check=False
)
assert "1 passed" in done.stdout, done.stdout
done = subprocess.run(["logpost", "web"], capture_output=True, text=True, timeout=120, check=False)
assert done.stderr.endswith(": pip install 'logpost[server]'\n"), done.stderr
