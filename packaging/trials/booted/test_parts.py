"""Broker, web and agent in units of their own: what each may read, and that it does its work within its unit."""

from __future__ import annotations

import json

import pytest

from trials.booted.machine import Machine
from trials.booted.observing import drop_in, entries, listed, search, shown, until, write

UNITS = ["logpost-agent", "logpost-broker", "logpost-web"]
READS_ALL = "AmbientCapabilities=CAP_DAC_READ_SEARCH\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH"
TIMES = 10
END_SECONDS = 10.0
LINES = 200
ASKED = (
    "/api/search?q=level:error+took:%3E50+line&start=-1h&limit=50",
    "/api/histogram?q=took:%3E=10&by=level&buckets=10&start=-1h",
)
GET = """
cat >/get <<'END'
use IO::Socket::INET;
my $web = IO::Socket::INET->new("127.0.0.1:8080") or die;
print $web "GET $ARGV[0] HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n";
my $head = 1;
while (<$web>) { print unless $head; $head = 0 if /^\\r?$/; }
END
"""


@pytest.fixture
def parts(machine: Machine) -> Machine:
    """Booted, with the parts in place of the box."""
    machine.boot()
    machine.run("systemctl disable --now logpost")
    machine.run(f"systemctl enable --now {' '.join(UNITS)}")
    return machine


def test_the_parts_take_the_place_of_the_box(parts: Machine) -> None:
    assert listed(parts) == [f"{name}.service" for name in UNITS]
    assert {shown(parts, "ActiveState", unit) for unit in UNITS} == {"active"}
    owners = parts.run("stat -c '%U %a' /var/lib/logpost/agent /var/lib/logpost/broker /var/lib/logpost/store")
    assert owners.splitlines() == ["logpost-agent 750", "logpost 750", "logpost 750"]


def test_one_ends_before_the_other_starts(machine: Machine) -> None:
    machine.boot()
    write(machine, "/var/log/app.log", "begun", owner="root:adm", mode="640")
    until(lambda: search(machine, "begun"), "the log is read")
    for starts in ("logpost-broker logpost-web logpost-agent", "logpost"):
        write(machine, "/var/log/app.log", f"quokka before {starts}")
        machine.run(f"systemctl start {starts}")
    assert listed(machine) == ["logpost.service"]
    until(lambda: len(search(machine, "quokka")) >= 2, "both lines")
    assert len(search(machine, "quokka")) == 2
    assert [entry["MESSAGE"] for name in ("logpost", *UNITS) for entry in entries(machine, "-p warning", name)] == []


def test_the_agent_reads_the_journal_and_what_its_groups_may_read(parts: Machine) -> None:
    write(parts, "/var/log/open.log", "an open file says quokka", owner="root:adm", mode="640")
    write(parts, "/var/log/closed.log", "a closed file says quokka", owner="root:root", mode="600")
    parts.run("logger the journal says quokka")
    seen = ["an open file says quokka", "the journal says quokka"]
    until(lambda: sorted(search(parts, "quokka")) == seen, "a file of the group adm, and the journal")
    drop_in(parts, "logpost-agent", READS_ALL)
    parts.run("systemctl restart logpost-agent")
    seen = ["a closed file says quokka", *seen]
    until(lambda: sorted(search(parts, "quokka")) == seen, "a file of root's alone")


def test_an_agent_whose_broker_is_away_ends_soon(parts: Machine) -> None:
    write(parts, "/var/log/app.log", "it says wombat", owner="root:adm", mode="640")
    until(lambda: search(parts, "wombat"), "a line")
    parts.run(
        "systemctl stop logpost-broker; for n in $(seq 1000); do echo quokka $n; done >>/var/log/app.log; sleep 1"
    )
    parts.run("systemctl stop logpost-agent", timeout=END_SECONDS)
    assert [shown(parts, name, "logpost-agent") for name in ("Result", "ExecMainStatus")] == ["success", "0"]
    parts.run("systemctl start logpost-broker logpost-agent")
    until(lambda: len(search(parts, "quokka")) >= 1000, "all lines")
    assert len(search(parts, "quokka")) == 1000


def test_an_agent_without_the_group_of_the_journal_says_so(parts: Machine) -> None:
    drop_in(parts, "logpost-agent", "SupplementaryGroups=")  # on Debian adm reads it, too
    parts.run("systemctl restart logpost-agent")
    until(
        lambda: any("journal" in entry["MESSAGE"] for entry in entries(parts, "--priority=warning", "logpost-agent")),
        "a warning",
    )
    assert "systemd-journal" in parts.run("logpost doctor", status=None)


def test_the_web_gives_equal_answers_however_often_it_is_asked(parts: Machine) -> None:
    """The embedded store compiles an expression when it has met it a few times."""
    made = [{"level": "error" if n % 2 else "info", "message": f"line {n}", "took": n} for n in range(LINES)]
    parts.file("/var/log/app.log").write_text("".join(json.dumps(line) + "\n" for line in made))
    parts.run(f"chown root:adm /var/log/app.log; chmod 640 /var/log/app.log; {GET}")
    until(lambda: len(search(parts, "line took:>=0")) == LINES, "all lines")
    for path in ASKED:
        answers = [json.loads(parts.run(f"perl /get '{path}'")) for _ in range(TIMES)]
        found = [answer.get("rows") or answer["total"] for answer in answers]
        assert found == [found[0]] * TIMES and found[0]
    assert shown(parts, "NRestarts", "logpost-web") == "0"


@pytest.mark.parametrize("path", ["/home/app/app.log", "/tmp/app.log"])
def test_logs_in_homes_and_in_tmp_are_read(path: str, parts: Machine) -> None:
    parts.file("/etc/logpost/logpost.toml").write_text(
        f'[[agent.source]]\ntype = "file"\npaths = ["{path}"]\nstart = "beginning"\n'
    )
    write(parts, path, "it says quokka", mode="644")
    parts.run("systemctl reload logpost-agent")
    until(lambda: search(parts, "quokka") == ["it says quokka"], path)


def test_data_elsewhere_takes_the_drop_in_that_is_named(machine: Machine) -> None:
    machine.boot()
    machine.run("install -d -o logpost -g logpost -m 750 /srv/logpost")
    machine.file("/etc/logpost/logpost.toml").write_text('data = "/srv/logpost"\n')
    machine.run("systemctl restart logpost", status=1)
    said = [entry["MESSAGE"] for entry in entries(machine, "--priority=err")]
    assert len(said) == 1 and "ReadWritePaths=/srv/logpost" in said[0]
    drop_in(machine, "logpost", "ReadWritePaths=/srv/logpost")
    machine.run("systemctl restart logpost")
    write(machine, "/var/log/app.log", "it says quokka", owner="root:adm", mode="640")
    until(lambda: search(machine, "quokka") == ["it says quokka"], "a line")
    assert machine.run("ls /srv/logpost").split() == ["agent", "broker", "log", "store"]
