"""The agent's metrics page, and a port that is taken."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from logpost.agent.metrics.counts import Counts
from logpost.agent.metrics.exposition import serve
from tests.support.processes import free_port, run


def test_counts_are_on_the_page_under_their_names() -> None:
    port = free_port()
    counts = Counts(lines=3, in_flight=2)
    stop = serve(counts, port)
    try:
        for host in ("127.0.0.1", "localhost"):
            with urllib.request.urlopen(f"http://{host}:{port}/metrics") as answer:
                page = answer.read().decode()
            assert "\nlogpost_agent_lines_total 3.0\n" in page
            assert "\nlogpost_agent_in_flight 2.0\n" in page
        counts.lines = 4
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert "\nlogpost_agent_lines_total 4.0\n" in answer.read().decode()
    finally:
        stop()


def test_a_taken_port_stops_the_start_and_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(
            "agent", "--host-logs", "--data", str(tmp_path), environment={"LOGPOST_AGENT_METRICS_PORT": str(port)}
        )
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use (agent.metrics_port)" in ended.stderr
