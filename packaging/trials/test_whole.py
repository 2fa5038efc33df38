"""Packages of the real trees, whose services run: lines written on a host are found, each once, through upgrades and a
change from the agent to the box. Takes minutes; skipped where `make package` has made none."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bundle.places import BUILD, DIST, version
from packages.build import build
from packages.recipe import AGENT, BOX, Format, Package
from trials.conftest import NewHost
from trials.hosts import Host, directories_left

NEXT = f"{version()}.1"
LINES = 20_000
PER_TENTH = 200
"""2,000 lines a second."""
TREES = "cat /proc/[0-9]*/maps | grep -o '/usr/lib/logpost/[^ ]*/logpost[^ ]*' | cut -d/ -f 5-6 | sort -u"
"""Directories below /usr/lib/logpost from which anything is loaded."""
MIXED = "ImportError|ModuleNotFoundError|AttributeError|FileNotFoundError|Traceback"

SHELL = f"""
cat >/writer <<'END'
open(my $log, '>>', '/var/log/app/app.log');
$log->autoflush(1);
for my $tenth (1 .. {LINES // PER_TENTH}) {{
    print $log "the line ${{\\($tenth * 1000 + $_)}} of many\\n" for 1 .. {PER_TENTH};
    select(undef, undef, undef, 0.1);
}}
END
mkdir -p /var/log/app; chgrp adm /var/log/app; chmod 2750 /var/log/app
umask 027

begin_to_write() {{
    perl -MIO::Handle /writer &
    until [ "$(cat /var/log/app/app.log 2>/dev/null | wc -l)" -ge 2000 ]; do sleep 0.1; done
}}

found() {{ "$1" search '"of many"' --json --limit 1000000 2>/dev/null >/found || true; wc -l </found; }}

# The writer has ended: how many lines are found, and how many different ones.
count() {{
    for _ in $(seq 600); do [ "$(found "$1")" -lt {LINES} ] || break; sleep 0.5; done
    sleep 5 # a line that came twice would come now
    echo found $(found "$1") different $(grep -o 'the line [0-9]*' /found | sort -u | wc -l)
}}

get() {{
    perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:8080") or die; print $s
        "GET $ARGV[0] HTTP/1.0\\r\\nHost: localhost:8080\\r\\n\\r\\n"; print scalar <$s>' "$1" | tr -d '\\r'
}}
"""
ALL = f"found {LINES} different {LINES}"


def package_of(package: Package) -> Path:
    path = DIST / f"{package.name}_{version()}_amd64.deb"
    if not path.exists():
        pytest.skip("make package first")
    return path


@pytest.fixture
def real(host: NewHost) -> Host:
    """A host whose systemctl starts what a unit names, and whose settings name one source."""
    one = host(booted=True)
    one.file("/run/stub/real").touch()
    one.file("/etc/logpost").mkdir()
    one.file("/etc/logpost/logpost.toml").write_text(
        '[[agent.source]]\ntype = "file"\npaths = ["/var/log/app/*.log"]\nstart = "beginning"\n'
    )
    return one


def lay(host: Host, package: Package) -> str:
    """Put the package that was made on the host."""
    path = package_of(package)
    shutil.copy(path, host.file("/packages"))
    return f"/packages/{path.name}"


def lay_next(host: Host, package: Package, directory: Path) -> str:
    made = next_version(package, directory, "deb")
    return f"/packages/{made.replace(host.file('/packages') / made.name).name}"


def next_version(package: Package, directory: Path, kind: Format) -> Path:
    """A package of the same tree that says to be of a newer version; the box without the agent's packages."""
    tree = directory / "next"
    subprocess.run(["cp", "-al", BUILD / "tree" / f"{package.tree}-amd64", tree], check=True)
    (metadata,) = tree.glob("lib/python*/site-packages/logpost-*.dist-info/METADATA")
    told = metadata.read_text()
    metadata.unlink()
    metadata.write_text(told.replace(f"\nVersion: {version()}\n", f"\nVersion: {NEXT}\n"))
    metadata.parent.rename(metadata.parent.with_name(f"logpost-{NEXT}.dist-info"))
    quick = replace(package, compression="none" if kind == "deb" else "gzip")
    stage = directory / "stage"
    (made,) = build(quick, "amd64", NEXT, tree=tree, into=directory / "made", formats=(kind,), stage_in=stage)
    return made


def test_no_line_is_lost_by_an_upgrade_of_the_box(real: Host, tmp_path: Path) -> None:
    old, new = lay(real, BOX), lay_next(real, BOX, tmp_path)
    said = real.run(
        f"""{SHELL}
        dpkg --force-confold -i {old} >/dev/null 2>&1; logpost --version
        begin_to_write
        dpkg --unpack {new} >/dev/null
        for path in / /api/search?q=many /api/histogram?q=many /readyz /metrics; do echo $path $(get $path); done
        logpost --version; echo loaded from $({TREES} | wc -l)
        dpkg --configure -a >/dev/null; logpost --version; echo loaded from $({TREES} | wc -l)
        wait; count logpost
        echo mixed up: $(grep -E '{MIXED}' /run/stub/logpost.service.log)
        echo readable by nobody: $(runuser -u nobody -- find /var/lib/logpost -type f -readable 2>/dev/null | wc -l)
        logpost doctor >/dev/null 2>&1 || true; logpost status >/dev/null; logpost --help >/dev/null
        echo written: $(find /usr/lib/logpost -type f -newer /var/lib/dpkg/info/logpost.list)
        dpkg --remove {BOX.name}; ls /usr/lib /usr/bin | grep logpost || true
        dpkg --purge {BOX.name}; ls -d /var/lib/logpost /etc/logpost 2>/dev/null || echo nothing is left""",
        timeout=1800,
    )
    lines = said.splitlines()
    assert lines[:9] == [
        f"logpost {version()}",
        *(
            f"{path} HTTP/1.1 200 OK"
            for path in ("/", "/api/search?q=many", "/api/histogram?q=many", "/readyz", "/metrics")
        ),
        f"logpost {version()}",
        "loaded from 1",
        f"logpost {NEXT}",
    ], said
    assert lines[9:14] == ["loaded from 1", ALL, "mixed up:", "readable by nobody: 0", "written:"], said
    assert directories_left(said) == []
    assert [line for line in lines if not line.startswith("dpkg: ")][-2:] == [
        f"{BOX.name}: /var/lib/logpost deleted; users and groups (logpost logpost-agent) stay",
        "nothing is left",
    ]
    assert real.calls().count("try-restart logpost.service") == 1


def test_no_line_is_lost_by_an_upgrade_of_the_agent(real: Host, tmp_path: Path) -> None:
    """The box that it ships to stands beside it."""
    package_of(AGENT)
    subprocess.run(["cp", "-al", BUILD / "tree/box-amd64", real.file("/box")], check=True)
    old, new = lay(real, AGENT), lay_next(real, AGENT, tmp_path)
    said = real.run(
        f"""{SHELL}
        /box/bin/logpost broker --data /kept >/broker.log 2>&1 & broker=$!
        /box/bin/logpost web --data /kept >/web.log 2>&1 & web=$!
        dpkg --force-confold -i {old} >/dev/null 2>&1; logpost --version
        perl -MIO::Handle /writer & writer=$!
        until [ "$(found /box/bin/logpost)" -ge 1000 ]; do sleep 0.5; done
        dpkg -i {new} >/dev/null; logpost --version; echo loaded from $({TREES} | grep -c live)
        wait $writer; count /box/bin/logpost
        echo readable by nobody: $(runuser -u nobody -- find /var/lib/logpost -type f -readable 2>/dev/null | wc -l)
        dpkg --purge {AGENT.name}; kill $web $broker; wait""",
        timeout=1800,
    )
    assert said.splitlines()[:5] == [
        f"logpost {version()}",
        f"logpost {NEXT}",
        "loaded from 1",
        ALL,
        "readable by nobody: 0",
    ], said
    assert directories_left(said) == []
    assert real.calls().count("try-restart logpost-agent.service") == 1


def test_the_box_goes_on_where_the_agent_was(real: Host) -> None:
    """An agent without a box; then the box in its place: each line once."""
    agent, box = lay(real, AGENT), lay(real, BOX)
    said = real.run(
        f"""{SHELL}
        dpkg --force-confold -i {agent} >/dev/null 2>&1
        begin_to_write
        dpkg -i {box} >/dev/null; dpkg --purge {AGENT.name}
        wait; count logpost
        stat -c %U /var/lib/logpost/agent; ls /var/lib/logpost/agent/positions.json; systemctl stop {BOX.unit}""",
        timeout=1800,
    )
    assert said.splitlines()[-3:] == [ALL, "logpost", "/var/lib/logpost/agent/positions.json"], said


def test_as_installed_it_runs_and_keeps_only_what_the_hosts_programs_wrote(host: NewHost) -> None:
    one = host(booted=True)
    one.file("/run/stub/real").touch()
    box = lay(one, BOX)
    said = one.run(
        f"""dpkg -i {box} >/dev/null 2>&1; ls /run/stub/active; cat /run/stub/{BOX.unit}.log | grep -v ' INFO ' || true
        until logpost search '"logpost is up"' >/dev/null 2>&1; do sleep 0.2; done
        logpost search --json --limit 1000000 >/found 2>/dev/null; systemctl stop {BOX.unit}""",
        timeout=600,
    )
    assert said == f"{BOX.unit}\n"
    rows = [json.loads(line) for line in one.file("/found").read_text().splitlines()]
    assert rows
    assert [row for row in rows if row["message"] not in one.file(row["file"]).read_text()] == []


def test_what_cannot_start_says_so_in_a_line_and_all_is_there_afterwards(real: Host, tmp_path: Path) -> None:
    """A port that is taken, data of a newer release, settings that are wrong: the package is installed all the same."""
    old, new = lay(real, BOX), lay_next(real, BOX, tmp_path)
    engine, settings = "/var/lib/logpost/store/clickhouse/version.json", "/etc/logpost/logpost.toml"
    said = real.run(
        f"""{SHELL}
        log=/run/stub/{BOX.unit}.log; touch $log
        # What the package says, then what the unit says.
        try_to() {{
            before=$(cat $log | wc -l)
            "$@" >/said 2>&1 || echo failed: $?
            grep '^logpost: ' /said; tail -n +$((before + 1)) $log | grep -v ' INFO ' || true; dpkg --audit
        }}
        mended() {{
            systemctl start {BOX.unit}
            for _ in $(seq 300); do [ "$(found logpost)" = 0 ] || break; sleep 0.2; done
            echo found $(found logpost)
        }}
        echo the line 1 of many >/var/log/app/app.log
        perl -MIO::Socket::INET -e '
            $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:9092", Listen => 1) or die; sleep 999' &
        other=$!
        try_to dpkg --force-confold -i {old}
        kill $other; mended
        cp -p {engine} /engine; echo '{{"engine": "99.1.1.1"}}' >{engine}
        try_to dpkg -i {new}
        cp -p /engine {engine}; mended
        cp -p {settings} /settings; echo '[broken' >>{settings}
        try_to dpkg -i {new}
        cp -p /settings {settings}; mended
        systemctl stop {BOX.unit}""",
        timeout=1800,
    )
    refused = "logpost: logpost.service does not start: systemctl status logpost.service"
    lines = said.splitlines()
    assert lines[0::3] == [refused] * 3, said
    assert lines[2::3] == ["found 1"] * 3, said
    for line, why in zip(
        lines[1::3],
        ("127.0.0.1 port 9092: Address already in use", "start the newer release", "is not TOML"),
        strict=True,
    ):
        assert line.startswith("logpost: ")
        assert why in line
