"""Which settings differ, and which of them hold at once."""

from pathlib import Path

from logpost.config import Config, load
from logpost.reload.changes import Reloaded, changed, compare, together


def config(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "logpost.toml"
    file.write_text(text)
    return load(file, {}).config


OLD = '[broker]\nport = 9999\nretention = "1d"\n[agent]\nmax_in_flight = 5\n'
NEW = 'log_level = "debug"\n[broker]\nport = 8888\nretention = "2d"\n[agent]\nmax_in_flight = 6\n'
LIVE = frozenset({"broker.retention_ms", "agent.max_in_flight", "log_level"})


def test_a_part_is_told_of_its_own_settings(tmp_path: Path) -> None:
    reloaded = compare(config(tmp_path, OLD), config(tmp_path, NEW), tables=("broker", "log_level"), live=LIVE)
    assert reloaded.applied == ("log_level", "broker.retention_ms")
    assert reloaded.needs_restart == ("broker.port",)
    assert "broker.flush" in reloaded.unchanged
    assert not any(key.startswith("agent.") for key in reloaded.unchanged)


def test_what_holds_is_the_old_with_what_was_applied(tmp_path: Path) -> None:
    old, new = config(tmp_path, OLD), config(tmp_path, NEW)
    found = changed(old, new, ["log_level", "broker.retention_ms"])
    assert (found.log_level, found.broker.retention_ms) == ("debug", 2 * 86_400_000)
    assert (found.broker.port, found.agent.max_in_flight) == (9999, 5)
    assert changed(old, new, []) == old


def test_sources_are_one_setting(tmp_path: Path) -> None:
    one, two = (f'[[agent.source]]\ntype = "file"\npaths = ["{path}"]\n' for path in ("/a", "/b"))
    reloaded = compare(
        config(tmp_path, one), config(tmp_path, two), tables=("agent",), live=frozenset({"agent.source"})
    )
    assert reloaded.applied == ("agent.source",)


def test_what_one_part_needs_a_restart_for_needs_one() -> None:
    web = Reloaded(applied=("log_level", "store.block_rows"), unchanged=("data",), needs_restart=("kafka.topic",))
    agent = Reloaded(applied=("log_level",), unchanged=("data", "agent.source"), needs_restart=("kafka.topic",))
    down = Reloaded(unchanged=("store.block_rows", "kafka.topic"))
    assert together([down, web, agent]) == Reloaded(
        applied=("store.block_rows", "log_level"),
        unchanged=("data", "agent.source"),
        needs_restart=("kafka.topic",),
    )
