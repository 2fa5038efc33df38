"""What hangs, is killed, or finds a port taken or a disk full: it comes back by itself, and no line is lost."""

from __future__ import annotations

import pytest

from trials.booted.machine import Machine
from trials.booted.observing import drop_in, entries, search, shown, until, write

HANG = "WatchdogSec=6s\nRestartSec=1s"
"""The unit's own times, shorter."""
BLOCK = "\nimport signal, threading\nsignal.signal(signal.SIGUSR2, lambda *_: threading.Event().wait())\n"
EXHAUST = """
used=$(systemctl show --property=MemoryCurrent --value logpost)
systemctl set-property --runtime logpost MemoryMax=$((used + 33554432))
groups=/proc/$(systemctl show --property=MainPID --value logpost)/cgroup
place=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' $groups)
[ -e $place/cgroup.procs ] || place=/sys/fs/cgroup$(sed -n 's/^0:://p' $groups)
echo 0 >$place/cgroup.procs
perl -e 'open my $zero, "<", "/dev/zero"; sysread $zero, my $room, 1 << 26; sleep 1'
"""
"""Uses up the service's memory, by a process in it that is smaller than the web."""
LINES = 100


def process_of(machine: Machine, part: str) -> str:
    """Its number inside; empty where it does not run."""
    pattern = "logpost up$" if part == "up" else f"-m logpost {part}( |$)"
    return machine.run(f"pgrep --full --oldest -- '{pattern}'", status=None).strip()


def all_found(machine: Machine, lines: list[str]) -> None:
    """Each once."""
    until(lambda: len(search(machine, "numbat")) >= len(lines), "all lines")
    assert sorted(search(machine, "numbat")) == sorted(lines)


def written(machine: Machine, lines: list[str], what: str) -> None:
    made = [f"numbat {what} {number}" for number in range(LINES)]
    machine.run(f"for n in $(seq 0 {LINES - 1}); do echo numbat {what} $n; done >>/var/log/app.log")
    lines += made


@pytest.fixture
def lines(machine: Machine) -> list[str]:
    """Of a machine that is booted, with a log."""
    machine.boot()
    write(machine, "/var/log/app.log", "begun", owner="root:adm", mode="640")
    until(lambda: search(machine, "begun"), "the log is read")
    return []


@pytest.mark.parametrize("part", ["broker", "web", "agent"])
def test_a_part_that_is_stopped_is_killed_and_comes_back(part: str, machine: Machine, lines: list[str]) -> None:
    drop_in(machine, "logpost", HANG)
    machine.run("systemctl restart logpost")
    supervisor, before = shown(machine, "MainPID"), process_of(machine, part)
    written(machine, lines, "before")
    machine.run(f"kill -STOP {before}")
    written(machine, lines, "meanwhile")
    until(lambda: process_of(machine, part) not in ("", before), "another process")
    all_found(machine, lines)
    assert shown(machine, "MainPID") == supervisor
    said = [entry["MESSAGE"] for entry in entries(machine, "--priority=warning")]
    assert any(f"{part} said nothing for " in line for line in said), said


@pytest.mark.parametrize("signal", ["STOP", "USR2"])
def test_a_supervisor_that_hangs_is_killed_by_systemd(signal: str, machine: Machine, lines: list[str]) -> None:
    """USR2 blocks its loop, while its other threads go on."""
    drop_in(machine, "logpost", HANG)
    machine.run(
        "code=$(ls -d /usr/lib/logpost/current/lib/python3*/site-packages/logpost)\n"
        f"printf '%s' '{BLOCK}' >>$code/supervisor/command.py; rm -f $code/supervisor/__pycache__/command.*\n"
        "systemctl restart logpost"
    )
    before = {part: process_of(machine, part) for part in ("up", "broker", "web", "agent")}
    written(machine, lines, "before")
    machine.run(f"kill -{signal} {before['up']}")
    written(machine, lines, "meanwhile")
    until(lambda: shown(machine, "NRestarts") == "1" and shown(machine, "ActiveState") == "active", "a restart")
    after = {part: process_of(machine, part) for part in before}
    assert all(after[part] not in ("", before[part]) for part in before)
    all_found(machine, lines)


def test_memory_that_runs_out_ends_one_part(machine: Machine, lines: list[str]) -> None:
    supervisor = shown(machine, "MainPID")
    before = {part: process_of(machine, part) for part in ("broker", "web", "agent")}
    written(machine, lines, "before")
    all_found(machine, lines)
    machine.run(EXHAUST, status=None)
    until(lambda: process_of(machine, "web") not in ("", before["web"]), "another web")
    machine.run("systemctl set-property --runtime logpost MemoryMax=infinity")
    assert shown(machine, "MainPID") == supervisor
    assert {part: process_of(machine, part) for part in ("broker", "agent")} == {
        part: before[part] for part in ("broker", "agent")
    }
    written(machine, lines, "afterwards")
    all_found(machine, lines)
    assert "web ran out of memory and was killed" in machine.run("logpost status")


def test_a_port_that_is_taken_is_tried_at_most_twice_a_minute(machine: Machine) -> None:
    machine.boot()
    thief = "systemd-run --quiet --unit=thief systemd-socket-activate --listen=127.0.0.1:9092 cat"
    machine.run(f"systemctl stop logpost; {thief}; sleep 1; systemctl start logpost", status=1)
    (said,) = [entry for entry in entries(machine, "--priority=err") if "9092" in entry["MESSAGE"]]
    machine.run("systemctl stop thief")
    until(lambda: shown(machine, "ActiveState") == "active", "it comes back")
    again = int(shown(machine, "ExecMainStartTimestampMonotonic"))
    assert again - int(said["__MONOTONIC_TIMESTAMP"]) >= 29e6
    assert shown(machine, "NRestarts") == "1"


def test_a_wrong_configuration_waits_for_a_person(machine: Machine) -> None:
    machine.boot()
    machine.file("/etc/logpost/logpost.toml").write_text("[web]\nprot = 80\n")
    machine.run("systemctl restart logpost", status=1)
    state = [shown(machine, name) for name in ("ActiveState", "Result", "ExecMainStatus", "NRestarts")]
    assert state == ["failed", "exit-code", "2", "0"]
    assert "web.prot" in machine.run("systemctl status logpost --no-pager", status=3)


def test_a_disk_that_was_full_at_the_start(machine: Machine) -> None:
    machine.boot()
    drop_in(machine, "logpost", "RestartSec=3s")
    machine.run(
        "systemctl stop logpost; rm -rf /var/lib/logpost; mkdir /var/lib/logpost\n"
        "mount -t tmpfs -o size=512m tmpfs /var/lib/logpost; dd if=/dev/zero of=/var/lib/logpost/full bs=1M || true"
    )
    machine.run("timeout 20 systemctl start logpost", status=None)
    machine.run("rm /var/lib/logpost/full")
    until(lambda: shown(machine, "ActiveState") == "active", "it comes back")
    write(machine, "/var/log/app.log", "it says quokka", owner="root:adm", mode="640")
    until(lambda: search(machine, "quokka") == ["it says quokka"], "a line")
    said = [entry["MESSAGE"] for entry in entries(machine, "--priority=warning")]
    assert all("Traceback" not in line for line in said), said
