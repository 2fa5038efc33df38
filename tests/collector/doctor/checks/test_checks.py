"""What is judged of facts that cannot be planted in a test: a minute without an acknowledgement, another's port below
1024, a part of the release before."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from logpost.doctor import checks
from logpost.doctor.checks import (
    agent,
    authorities,
    broker,
    clock,
    configuration,
    disk,
    groups,
    host_name,
    inotify,
    memory,
    names,
    open_files,
    parts,
    ports,
    rights,
    sources,
    store,
    topic,
    versions,
)
from logpost.doctor.checks.result import Result

PORT = ports.PortFacts(
    setting="web.port", port=80, part="web", part_pids=frozenset(), is_listening=False, holders={}, lowest=1024
)
ROOM = disk.FileSystemFacts(
    path="/d", total_bytes=10**12, free_bytes=0, inodes=0, free_inodes=0, is_read_only=False, reserve_bytes=10**9
)
TOPIC = topic.TopicFacts(name="logs", wanted_partitions=8, settings={}, wanted_message_bytes=8 * 2**20)
WEB = store.StoreFacts(address="http://localhost:8080", has_web=True)


@pytest.mark.parametrize(
    ("judged", "state", "words"),
    [
        (
            agent.judge(agent.AgentFacts(is_running=True, metrics={"waiting_seconds": 61, "backlog_bytes": 5})),
            "fail",
            "nothing was acknowledged for 61 s, and 5 bytes wait",
        ),
        (agent.judge(agent.AgentFacts(is_running=True, metrics={"dropped_total": 7})), "warn", "7 lines were dropped"),
        (agent.judge(agent.AgentFacts(is_running=True, metrics={"waiting_seconds": 59})), "ok", "0 records"),
        (
            agent.judge(agent.AgentFacts(is_running=True, metrics=None, error="port 9645: timed out")),
            "warn",
            "says nothing",
        ),
        (
            agent.judge(agent.AgentFacts(is_running=False, metrics=None, originals=("host web-1",))),
            "warn",
            "its positions are of host web-1: its next start begins new streams",
        ),
        (ports.judge([PORT]), "fail", "web.port = 80 is for root alone (below 1024)"),
        (
            parts.judge([parts.PartFacts(name="web", pid=7, is_older=True)]),
            "warn",
            "web (pid 7) runs an older release",
        ),
        (parts.judge([parts.PartFacts(name="web", pid=None)]), "warn", "no part of logpost runs here"),
        (
            open_files.judge([open_files.OpenFilesFacts(part="broker", limit=1024, used=10)]),
            "warn",
            "broker may open 1,024 files only",
        ),
        (
            open_files.judge([open_files.OpenFilesFacts(part="web", limit=65_536, used=65_000)]),
            "fail",
            "web has 65,000 of 65,536 open",
        ),
        (open_files.judge([open_files.OpenFilesFacts(part="web", limit=65_536, used=1)]), "ok", "web 1 of 65,536"),
        (inotify.judge(None), "ok", "this system has none"),
        (disk.judge([replace(ROOM, free_bytes=5 * 10**10)]), "warn", "50.0 of 1,000.0 GB"),
        (disk.judge([replace(ROOM, free_bytes=5 * 10**11)]), "ok", "500.0 of 1,000.0 GB"),
        (
            clock.judge(clock.ClockFacts(now=86_400.0, is_synchronised=None, newest=None, ahead={})),
            "fail",
            "1970-01-02 00:00:00 UTC: it was never set",
        ),
        (
            clock.judge(clock.ClockFacts(now=2e9, is_synchronised=True, newest=None, ahead={"the broker's": -8.0})),
            "warn",
            "8 s behind the broker's",
        ),
        (
            clock.judge(clock.ClockFacts(now=2e9, is_synchronised=False, newest=None, ahead={})),
            "warn",
            "keeps it right",
        ),
        (
            memory.judge(memory.MemoryFacts(total_bytes=8 * 10**9, limit_bytes=0, store_bytes=2 * 10**9, killed=0)),
            "ok",
            "8,000 MB",
        ),
        (
            names.judge([names.NameFacts(setting="x", name="localhost", addresses=("192.0.2.1",))]),
            "fail",
            "localhost is 192.0.2.1",
        ),
        (
            names.judge(
                [names.NameFacts(setting="x", name="box", addresses=("127.0.1.1",), is_for_others=True)],
            ),
            "warn",
            "other hosts are told to connect to box, which is 127.0.1.1 here",
        ),
        (
            broker.judge(broker.BrokerFacts(servers="b:9092", cause="right", text="not authorized", nodes={})),
            "fail",
            "b:9092 cannot be used (right): not authorized",
        ),
        (
            broker.judge(broker.BrokerFacts(servers="b:9092", cause="away", text="x", nodes={}, is_box_stopped=True)),
            "warn",
            "(away)",
        ),
        (topic.judge(TOPIC), "warn", "there is no topic logs"),
        (
            topic.judge(replace(TOPIC, partitions=8, leaderless=(3,))),
            "fail",
            "nobody serves partition 3 of logs",
        ),
        (topic.judge(replace(TOPIC, error="not authorized")), "fail", "logs: not authorized"),
        (
            groups.judge("i", [groups.GroupFacts(name="i", members=0, lag=0)], has_web=True),
            "fail",
            "nobody reads for i: nothing is indexed",
        ),
        (
            groups.judge("i", [groups.GroupFacts(name="i", members=1, lag=2_000_000)], has_web=True),
            "warn",
            "i is 2,000,000 records behind",
        ),
        (
            store.judge(replace(WEB, stepped_over=3, stepped_over_reason="damaged")),
            "warn",
            "3 records are in no answer: damaged",
        ),
        (store.judge(replace(WEB, lost=4)), "warn", "4 rows that the store lost"),
        (store.judge(replace(WEB, overdue_seconds=7300)), "warn", "should have deleted 2 hours ago"),
        (store.judge(replace(WEB, ahead_seconds=40 * 86_400)), "warn", "40.0 days ahead"),
        (
            sources.judge([sources.JournalFacts(key="agent.source[0]", user="u", has_program=True, may_read=False)]),
            "fail",
            "user u may not read the journal",
        ),
        (
            sources.judge(
                [
                    sources.FilesFacts(
                        key="the host's logs",
                        patterns=(),
                        files=9,
                        user="u",
                        denied="/x",
                        denied_count=3,
                        is_default=True,
                    )
                ]
            ),
            "warn",
            "the host's logs: user u may not read /x, and 2 more",
        ),
        (
            sources.judge([sources.JournalFacts(key="agent.source[0]", user="u", has_program=False, may_read=False)]),
            "fail",
            "journalctl is not installed",
        ),
        (
            host_name.judge(host_name.HostNameFacts(name="localhost", setting="", passes_with="")),
            "warn",
            "this host is called localhost",
        ),
        (
            host_name.judge(
                host_name.HostNameFacts(name="0123456789ab", setting="web-1", passes_with="this container")
            ),
            "ok",
            "web-1",
        ),
        (
            authorities.judge(authorities.AuthoritiesFacts(uses_tls=True, named="", found="")),
            "fail",
            "no store of certificate authorities",
        ),
        (
            rights.judge(
                [rights.DirectoryFacts(path="/d", exists=True, user="logpost", remark="/d is not open to us")]
            ),
            "warn",
            "/d is not open to us",
        ),
        (
            configuration.judge(
                configuration.ConfigurationFacts(file="/e.toml", mode=0o666, has_secrets=False, mistakes=())
            ),
            "fail",
            "every user of this host may change /e.toml",
        ),
        (versions.judge(versions.VersionFacts(installed={"logpost": "1"}, problems=())), "ok", "logpost 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fact_is_judged(judged: Iterator[Result], state: str, words: str) -> None:
    results = list(judged)
    assert [one for one in results if one.state == state and words in one.detail], results
    assert all(bool(one.remedy) == (one.state != "ok") for one in results)


def test_a_part_that_is_over_while_others_run() -> None:
    broker_runs, web_ran = parts.PartFacts(name="broker", pid=7), parts.PartFacts(name="web", pid=None, was_used=True)
    [over, good] = parts.judge([broker_runs, web_ran, parts.PartFacts(name="agent", pid=None)])
    assert (over.state, over.detail) == ("warn", "web has run here and does not now, while others do")
    assert good.state == "ok"
    assert [one.detail for one in parts.judge([web_ran])] == ["no part of logpost runs here"]


def test_a_part_that_listens_elsewhere() -> None:
    running = replace(PORT, port=8080, part_pids=frozenset({7}))
    [found] = ports.judge([running])
    assert (found.state, found.detail) == ("warn", "web runs and does not listen on web.port = 8080")


def test_the_page_names_every_check() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "operate.md").read_text()
    table = page.partition("| check | looks at |")[2].partition("\n\n")[0]
    documented = {
        name for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", cell)
    }
    modules = (
        importlib.import_module(f"{checks.__name__}.{found.name}") for found in pkgutil.iter_modules(checks.__path__)
    )
    assert documented == {module.CHECK for module in modules if hasattr(module, "CHECK")} | {"disk", "inodes"}
