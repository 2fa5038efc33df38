"""Until when a topic keeps what was deleted."""

from __future__ import annotations

from logpost_web.deletion.kept import COMPACTED, FOR_EVER, Kept, kept

SETTINGS = {"cleanup.policy": "delete", "retention.ms": "1000", "segment.ms": "50"}


def test_segments_go_when_their_newest_record_is_old_enough() -> None:
    assert kept("logs", SETTINGS, 7) == Kept(topic="logs", until_ms=1057)
    assert kept("logs", {**SETTINGS, "cleanup.policy": "compact,delete"}, 7).until_ms == 1057


def test_what_a_topic_keeps_for_ever_has_a_reason() -> None:
    assert kept("logs", {**SETTINGS, "retention.ms": "-1"}, 7) == Kept(topic="logs", reason=FOR_EVER)
    assert kept("logs", {**SETTINGS, "cleanup.policy": "compact"}, 7) == Kept(topic="logs", reason=COMPACTED)


def test_a_time_that_nobody_can_write_is_for_ever() -> None:
    assert kept("logs", {**SETTINGS, "retention.ms": str(2**63 - 1)}, 7) == Kept(topic="logs", reason=FOR_EVER)
