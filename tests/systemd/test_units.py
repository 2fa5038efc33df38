"""The units say what they must, to every systemd from 252 on."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logpost.supervisor.watch import START_SECONDS
from tests.support.units import NAMES, UNITS, settings

EXPOSURE = 2.0
NEWER_THAN_252 = {
    "RestartSteps",
    "RestartMaxDelaySec",
    "MemoryZSwapMax",
    "RootEphemeral",
    "OpenFile",
    "DelegateSubgroup",
}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def service(name: str) -> dict[str, str]:
    """Settings of `[Service]`, the last of each."""
    found = settings(UNITS / f"{name}.service")
    return {key.partition(".")[2]: values[-1] for key, values in found.items() if key.startswith("Service.")}


def test_each_unit_is_there() -> None:
    assert {file.stem for file in UNITS.glob("*.service")} == set(NAMES)


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_nothing_to_say(name: str, tmp_path: Path) -> None:
    """Each unit alone: only the program is one that is there."""
    unit = tmp_path / f"{name}.service"
    text = (UNITS / unit.name).read_text()
    unit.write_text(text.replace("=/usr/bin/logpost", f"={Path(sys.executable).resolve()}"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("number", range(3))
def test_the_drop_ins_of_the_page_are_good(number: int, tmp_path: Path) -> None:
    page = (UNITS.parent / "docs" / "systemd.md").read_text()
    drop_ins = re.findall(r"^```ini\n(.*?)^```", page, flags=re.DOTALL | re.MULTILINE)
    assert len(drop_ins) == 3
    unit = tmp_path / "logpost.service"
    text = (UNITS / unit.name).read_text().replace("=/usr/bin/logpost", f"={Path(sys.executable).resolve()}")
    unit.write_text(text)
    (tmp_path / "logpost.service.d").mkdir()
    (tmp_path / "logpost.service.d" / "override.conf").write_text(drop_ins[number])
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_the_exposure_is_low(name: str) -> None:
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(UNITS / f"{name}.service")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", judged.stdout)
    assert exposure is not None and float(exposure[1]) <= EXPOSURE, judged.stdout


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_newer_than_systemd_252(name: str) -> None:
    assert service(name).keys() & NEWER_THAN_252 == set()
    assert service(name)["Type"] == "notify"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_never_given_up_and_a_wrong_configuration_is_not_tried_again(name: str) -> None:
    found = service(name)
    assert (found["Restart"], found["RestartPreventExitStatus"], found["OOMPolicy"]) == ("always", "2", "continue")
    assert settings(UNITS / f"{name}.service")["Unit.StartLimitIntervalSec"] == ["0"]
    assert float(found["RestartSec"].removesuffix("s")) >= 30  # at most twice a minute
    assert float(found["TimeoutStartSec"].removesuffix("s")) >= START_SECONDS


@pytest.mark.parametrize("name", NAMES)
def test_the_watchdog_tells_where_it_hung_and_only_the_main_process_is_told_to_end(name: str) -> None:
    found = service(name)
    assert (found["WatchdogSec"], found["WatchdogSignal"]) == ("60s", "SIGQUIT")
    assert (found["KillMode"], found["NotifyAccess"]) == ("mixed", "main")


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_numbers_of_this_world(name: str) -> None:
    found = service(name)
    assert 65_536 <= int(found["LimitNOFILE"]) <= 1_048_576
    assert found["MemoryMax"] and found["TasksMax"]


@pytest.mark.parametrize("name", ["logpost", "logpost-agent"])
def test_what_reads_logs_keeps_its_groups_and_capabilities_and_sees_homes_and_tmp(name: str) -> None:
    found = service(name)
    assert found["SupplementaryGroups"] == "adm systemd-journal"
    assert "PrivateUsers" not in found and "PrivateTmp" not in found
    assert found["ProtectHome"] == "read-only"
    assert "ProcSubset" not in found, "journalctl reads /proc/sys/kernel/random/boot_id"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "logpost"])
def test_a_part_and_the_box_run_one_after_the_other(name: str) -> None:
    """Without an order the one that is stopped still has data and ports when the other starts."""
    found = settings(UNITS / f"{name}.service")
    assert found["Unit.Conflicts"] == ["logpost.service"]
    assert "logpost.service" in found["Unit.After"][0].split()


@pytest.mark.parametrize("name", NAMES)
def test_it_waits_for_the_network_and_does_not_require_it(name: str) -> None:
    found = settings(UNITS / f"{name}.service")
    assert found["Unit.Wants"] == ["network-online.target"]
    assert found["Unit.After"][0].split()[0] == "network-online.target"
    assert "Unit.Requires" not in found


@pytest.mark.parametrize("name", NAMES)
def test_system_calls_are_those_of_systemd_s_groups(name: str) -> None:
    found = settings(UNITS / f"{name}.service")
    named = " ".join(found["Service.SystemCallFilter"]).replace("~", "").split()
    assert all(group.startswith("@") for group in named)
    assert found["Service.SystemCallErrorNumber"] == ["EPERM"]
