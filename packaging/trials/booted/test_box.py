"""The box's unit, booted: what `systemctl` and the journal say of it, and what it does."""

from __future__ import annotations

from packages.recipe import BOX
from trials.booted.machine import Machine
from trials.booted.observing import entries, listed, search, shown, until, write

STOP_SECONDS = 60.0
EXPOSURE = 2.0
GOOD = "[agent]\npoll_seconds = 0.5\n"
BAD = '[agent]\npoll_seconds = "often"\n'


def test_it_starts_with_the_machine_and_finds_its_logs(machine: Machine) -> None:
    machine.boot()
    assert shown(machine, "ActiveState") == "active"
    assert "logpost is up: " in shown(machine, "StatusText")
    write(machine, "/var/log/app.log", "a file says quokka", owner="root:adm", mode="640")
    machine.run("logger -p user.err the journal says wombat")
    until(lambda: search(machine, "quokka") == ["a file says quokka"], "a line of a file")
    until(lambda: search(machine, "wombat") == ["the journal says wombat"], "a line of the journal")
    assert search(machine, "level:error wombat") == ["the journal says wombat"]
    assert len(search(machine, "service:logpost-up logpost is up")) == 1


def test_an_image_starts_one_unit_at_its_first_boot(machine: Machine) -> None:
    (machine.changes / "etc/systemd/system").mkdir(parents=True)
    (machine.changes / "etc/machine-id").write_text("uninitialized\n")
    networkd = machine.changes / "etc/systemd/system/systemd-networkd-wait-online.service"
    networkd.symlink_to("/dev/null")  # which is enabled, too, and finds no network
    machine.boot()
    assert listed(machine) == [BOX.unit]


def test_a_reload_returns_with_its_outcome(machine: Machine) -> None:
    machine.boot()
    process = shown(machine, "MainPID")
    settings = machine.file("/etc/logpost/logpost.toml")
    settings.write_text(GOOD)
    machine.run("systemctl reload logpost")
    settings.write_text(BAD)
    before = len(entries(machine))
    machine.run("systemctl reload logpost", status=1)
    said = [entry["MESSAGE"] for entry in entries(machine)[before:] if "poll_seconds" in entry["MESSAGE"]]
    assert len(said) <= 2 and all("\n" not in line for line in said), said  # of the command, and of what it asked
    assert (shown(machine, "ActiveState"), shown(machine, "MainPID")) == ("active", process)
    settings.write_text(GOOD)  # `logpost search` reads it, too
    write(machine, "/var/log/app.log", "it goes on, says quokka", owner="root:adm", mode="640")
    until(lambda: search(machine, "quokka"), "a line after a reload that was refused")


def test_the_journal_has_priorities_and_who_said_it(machine: Machine) -> None:
    machine.boot()
    ready = [entry for entry in entries(machine) if "ready" in entry["MESSAGE"]]
    assert {entry["SYSLOG_IDENTIFIER"] for entry in ready} == {"logpost-broker", "logpost-web", "logpost-agent"}
    assert {entry["PRIORITY"] for entry in ready} == {"6"}
    assert entries(machine, "--priority=warning") == []
    machine.file("/etc/logpost/logpost.toml").write_text(BAD)
    machine.run("systemctl restart logpost", status=1)
    (said,) = [entry for entry in entries(machine, "--priority=err") if "poll_seconds" in entry["MESSAGE"]]
    assert said["SYSLOG_IDENTIFIER"] == "logpost"


def test_a_stop_is_clean(machine: Machine) -> None:
    machine.boot()
    machine.run("systemctl stop logpost", timeout=STOP_SECONDS)
    state = [shown(machine, name) for name in ("ActiveState", "Result", "ExecMainStatus")]
    assert state == ["inactive", "success", "0"]
    assert entries(machine, "--priority=warning") == []


def test_a_stop_during_the_start_is_obeyed(machine: Machine) -> None:
    machine.boot()
    machine.run("systemctl stop logpost; systemctl start --no-block logpost")
    until(lambda: shown(machine, "MainPID") != "0", "it has begun")
    machine.run("systemctl stop logpost", timeout=STOP_SECONDS)
    assert (shown(machine, "ActiveState"), shown(machine, "Result")) == ("inactive", "success")


def test_systemd_has_nothing_to_say_of_the_units(machine: Machine) -> None:
    machine.boot()
    assert machine.run("systemd-analyze verify --man=no /usr/lib/systemd/system/logpost*.service") == ""
    judged = [line.split() for line in machine.run("systemd-analyze security --no-pager").splitlines()]
    exposures = {words[0]: float(words[1]) for words in judged if words[0].startswith("logpost")}
    assert set(exposures) == set(BOX.units)
    assert max(exposures.values()) <= EXPOSURE


def test_root_may_have_run_it_by_hand_before_and_restored_it_since(machine: Machine) -> None:
    """Both make the data directory, in which the unit then starts."""
    masked = machine.changes / "etc/systemd/system/logpost.service"
    masked.parent.mkdir(parents=True)
    masked.symlink_to("/dev/null")
    machine.boot()
    machine.run("timeout --signal=INT 20 logpost up & sleep 10; ls /var/lib/logpost/store; wait")
    machine.run(f"rm /etc/systemd/system/{BOX.unit}; systemctl daemon-reload; systemctl start logpost")
    write(machine, "/var/log/app.log", "quokka", owner="root:adm", mode="640")
    until(lambda: search(machine, "quokka") == ["quokka"], "a line")
    machine.run("systemctl stop logpost; logpost backup /root/backup; mv /var/lib/logpost /root/before")
    machine.run("logpost restore /root/backup; systemctl start logpost")
    until(lambda: search(machine, "quokka") == ["quokka"], "the line, restored")
    machine.run("systemctl stop logpost; chmod 750 /var/lib/logpost; systemctl start logpost", status=1)
    assert "as root: chmod 755 /var/lib/logpost" in entries(machine, "--priority=err")[-1]["MESSAGE"]
