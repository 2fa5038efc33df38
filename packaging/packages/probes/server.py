"""`pip install 'logpost[server]'`: a line goes from a file through the box to its search."""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SECONDS = 300.0
SEARCH = ["timeout", "30", "logpost", "search", "needle"]


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


directory = Path(tempfile.mkdtemp(dir="."))
(directory / "app.log").write_text("the needle is here\n")
(directory / "logpost.toml").write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{directory.resolve()}/*.log"]\n')
broker = free_port()
environment = os.environ | {
    "LOGPOST_BROKER_PORT": broker,
    "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{broker}",
    "LOGPOST_WEB_PORT": free_port(),
    "LOGPOST_BROKER_METRICS_PORT": "0",
    "LOGPOST_AGENT_METRICS_PORT": "0",
}
options = ["--config", str(directory / "logpost.toml"), "--data", str(directory / "data")]
with subprocess.Popen(["logpost", "up", *options], env=environment) as box:
    try:
        deadline = time.monotonic() + SECONDS
        while subprocess.run(SEARCH + options, env=environment, capture_output=True, check=False).returncode != 0:
            assert box.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)
    finally:
        box.terminate()
        box.wait(120)
assert box.returncode == 0
