"""The archives where there is no Python: unpacked anywhere, an agent ships to a broker, and needs nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bundle.places import DIST, version
from trials.hosts import Host

SUITES = ("bookworm", "bullseye")
"""The one that logpost is tested on, and the oldest with a C library that is new enough."""

SHIP = """
for python in python python2 python3; do ! command -v $python; done
mkdir -p "/srv/a place" /opt/elsewhere
tar -xzf /packages/{agent} -C "/srv/a place"
tar -xzf /packages/{box} -C /opt/elsewhere
ln -s "/srv/a place/logpost-agent-{version}/bin/logpost" /usr/local/bin/logpost
echo 'a line of a host without Python' >/srv/app.log
cat >/srv/logpost.toml <<'END'
[[agent.source]]
type = "file"
paths = ["/srv/app.log"]
END
box=/opt/elsewhere/logpost-{version}/bin/logpost
$box broker --data /srv/box >/srv/broker.log 2>&1 &
broker=$!
/usr/local/bin/logpost agent --config /srv/logpost.toml --data /srv/agent >/srv/agent.log 2>&1 &
agent=$!
for _ in $(seq 120); do
    $box topics consume logs 2>/dev/null | grep 'without Python' && break
    sleep 0.5 # nothing says when a line has come
done
kill $agent && wait $agent && kill $broker && wait $broker
find "/srv/a place" /opt/elsewhere -newer /srv/app.log -type f
"""


@pytest.mark.parametrize("suite", SUITES)
def test_an_agent_ships_from_a_host_without_python(tmp_path: Path, suite: str) -> None:
    archives = {kind: f"{kind}-{version()}-linux-amd64.tar.gz" for kind in ("logpost-agent", "logpost")}
    if os.geteuid() != 0 or not all((DIST / archive).exists() for archive in archives.values()):
        pytest.skip("needs root, and the archives: make package")
    host = Host(tmp_path / "host", suite, booted=False)
    try:
        for archive in archives.values():
            shutil.copy(DIST / archive, host.file(f"/packages/{archive}"))
        script = SHIP.format(agent=archives["logpost-agent"], box=archives["logpost"], version=version())
        said = host.run(script, timeout=600)
    finally:
        shutil.rmtree(host.tree)
    assert len(said.splitlines()) == 1, said  # the line; no file of a tree was written
    assert "a line of a host without Python" in said
