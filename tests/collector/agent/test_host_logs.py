"""What the agent of `logpost up` reads."""

from __future__ import annotations

from pathlib import Path

from logpost.agent.delivery.acks import Acks
from logpost.agent.host_logs import OWN_LINES_PER_SECOND, host_files
from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.fingerprint import Fingerprint
from logpost.agent.sources.file.position import FilePosition
from logpost.agent.stages.event import Event
from tests.collector.agent.harness import START_NS, Topic


def test_own_logs_are_named_and_limited_and_only_they_begin_at_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "broker.log").write_text("x\n")
    own, system = host_files(tmp_path, host="web-1", max_line_bytes=1024, forbidden=[])
    assert (own.start, system.start) == ("beginning", "end")
    assert list(own.rules.find()) == [str(tmp_path / "log" / "broker.log")]
    assert system.rules.matches("/var/log/syslog")
    assert system.rules.matches("/var/log/nginx/error.log")
    assert not system.rules.matches("/var/log/btmp")
    topic, counts = Topic(), Counts()
    nothing = Fingerprint(head_length=0, head="", tail_length=0, tail="")
    position = FilePosition(
        id="s", path=str(tmp_path / "log/broker.log"), device=1, inode=1, offset=0, fingerprint=nothing, seen=0
    )
    stream = own.stream(position, Acks(0), topic, counts, START_NS)
    stream.ship([Event(number + 1, "x") for number in range(60)], START_NS)
    assert {record.service for record in topic.records} == {"logpost-broker"}
    assert (len(topic.records), counts.dropped) == (OWN_LINES_PER_SECOND, 60 - OWN_LINES_PER_SECOND)
