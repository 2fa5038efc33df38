"""The broker's name has no address when the agent starts, gets one, and then another: the agent sends each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logpost.config import BrokerConfig
from logpost_broker import Broker
from tests.collector.agent.topic import TopicReader
from tests.support.processes import free_port

OWN_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'
"""The agent alone sees this file in the place of the system's."""


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, and unshare of util-linux"
)
def test_a_name_that_comes_late_and_moves(tmp_path: Path) -> None:
    hosts, log, port = tmp_path / "hosts", tmp_path / "a.log", free_port()
    hosts.write_text("127.0.0.1 localhost\n")
    log.touch()
    config = tmp_path / "logpost.toml"
    config.write_text(
        f'[kafka]\nbootstrap_servers = "box.invalid:{port}"\n[agent]\nmetrics_port = 0\n'
        f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n'
    )
    command = [sys.executable, "-m", "logpost", "agent", "--config", str(config), "--data", str(tmp_path / "data")]
    separate = ["unshare", "--mount", "sh", "-c", OWN_HOSTS, str(hosts), *command]
    with subprocess.Popen(separate, stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr is not None
        assert next(line for line in agent.stderr if "waiting for the broker at box.invalid" in line)
        for address, lines in (("127.0.0.1", ["one"]), ("127.0.0.2", ["one", "two"])):
            with log.open("a") as file:
                file.write(f"{lines[-1]}\n")
            hosts.write_text(f"127.0.0.1 localhost\n{address} box.invalid\n")  # the same file: it is mounted
            here = BrokerConfig(listen=address, port=port, metrics_port=0, disk_reserve_bytes=0)
            with Broker(here, tmp_path / "broker") as broker:
                topic = TopicReader(broker.bootstrap_servers)
                assert [record.message for record in topic.read_count(len(lines))] == lines
                topic.close()
        agent.terminate()
        agent.communicate(timeout=60)
    assert agent.returncode == 0
