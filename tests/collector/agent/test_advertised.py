"""A broker that answers, and sends its clients where they cannot come."""

from __future__ import annotations

from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.support.processes import Part


def test_an_agent_names_the_advertised_address_that_it_cannot_reach(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("hi\n")
    file = tmp_path / "logpost.toml"
    file.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{tmp_path}/*.log"]\n')
    config = BrokerConfig(port=0, metrics_port=0, advertised_host="nowhere.invalid", disk_reserve_bytes=0)
    with Broker(config) as broker:
        settings = {"kafka.bootstrap_servers": f"127.0.0.1:{broker.port}", "agent.metrics_port": 0}
        agent = Part("agent", "--config", str(file), "--data", str(tmp_path / "data"), settings=settings)
        with agent.start(until=f"advertises nowhere.invalid:{broker.port}, which cannot be reached"):
            assert "set broker.advertised_host" in agent.await_line("advertises nowhere.invalid")
