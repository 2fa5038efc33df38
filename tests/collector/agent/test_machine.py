"""Which machine this is, and whether its name is that of a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logpost.agent.machine import machine_id, passing_name


def test_a_machine_is_known_by_a_hash_of_its_id(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert machine_id([first]) == ""
    first.write_text("uninitialized\n")
    assert machine_id([first]) == ""
    second.write_text("0123456789abcdef0123456789abcdef\n")
    made = machine_id([first, second])
    assert len(made) == 32 and "0123456789abcdef" not in made
    first.write_text("1123456789abcdef0123456789abcdef\n")
    assert machine_id([first]) not in ("", made)


KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("name", "is_marked", "environment", "of"),
    [
        ("0123456789ab", True, {}, "this container"),
        ("0123456789ab", False, KUBERNETES, "this container"),
        ("0123456789ab", False, {}, ""),
        ("web-1", True, {}, ""),
        ("0123456789abc", True, {}, ""),
        ("agent-x7k2q", False, KUBERNETES, "this pod"),  # of a DaemonSet
        ("shop-7d9f8c6b5d-2xb8z", True, KUBERNETES, "this pod"),  # of a Deployment
        ("shop-7d9f8c6b5d-2xb8z", True, {}, ""),
        ("agent-0", False, KUBERNETES, ""),  # of a StatefulSet
        ("ip-10-0-0-17", False, KUBERNETES, ""),  # a node's, with hostNetwork
        ("pool-node-alpha", False, KUBERNETES, ""),
    ],
)
def test_the_id_of_a_container_is_no_name_that_stays(
    name: str, is_marked: bool, environment: dict[str, str], of: str, tmp_path: Path
) -> None:
    mark = tmp_path / ".dockerenv"
    if is_marked:
        mark.touch()
    assert passing_name(name, [mark], environment) == of


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, and unshare of util-linux"
)
@pytest.mark.parametrize("setting", ["", "web-1"])
def test_an_agent_in_a_container_without_a_name_says_so_once(setting: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "logpost", "agent", "--host-logs", "--data", str(tmp_path)]
    named = ["unshare", "--uts", "sh", "-c", 'hostname 0123456789ab && exec "$@"', "sh", *command]
    environment = {**os.environ, "KUBERNETES_SERVICE_HOST": "10.0.0.1", "LOGPOST_AGENT_HOSTNAME": setting}
    environment |= {"LOGPOST_AGENT_METRICS_PORT": "0", "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with subprocess.Popen(named, stderr=subprocess.PIPE, text=True, env=environment) as agent:
        assert agent.stderr is not None
        said = []
        for line in agent.stderr:
            said.append(line)
            if "agent: ready" in line:
                break
        agent.terminate()
        agent.communicate(timeout=60)
    warned = [line for line in said if "0123456789ab, the name of this container: set agent.hostname" in line]
    assert len(warned) == (0 if setting else 1), said
