"""The agent's metrics page, and a port that is taken."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from logpost.agent.metrics.counts import Counts
from logpost.agent.metrics.server import serve
from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.support.appliance import await_condition
from tests.support.metrics import metric
from tests.support.processes import Part, free_port, run


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


def test_how_long_nothing_was_acknowledged_is_counted_while_something_waits(tmp_path: Path) -> None:
    """From the first line on, also where the agent never reached its broker; and it is over with the
    acknowledgement."""
    log = tmp_path / "app.log"
    log.write_text("a line\n")
    port, broker_port = free_port(), free_port()
    config = tmp_path / "logpost.toml"
    config.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\nstart = "beginning"\n')
    settings = {"agent.metrics_port": port, "kafka.bootstrap_servers": f"localhost:{broker_port}"}

    def waits() -> float:
        return metric(port, "logpost_agent_waiting_seconds")

    with Part("agent", "--config", str(config), "--data", str(tmp_path / "data"), settings=settings):
        await_condition(lambda: waits() > 0, "it waits", 60)
        first = waits()
        await_condition(lambda: waits() > first, "it waits on", 60)
        with Broker(BrokerConfig(port=broker_port, metrics_port=0), tmp_path / "late"):
            await_condition(lambda: waits() == 0, "it waits no more", 60)


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
