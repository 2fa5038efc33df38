"""Carts are what their events say: after each run, after kill -9, and after compaction."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from logpost.config import BrokerConfig
from logpost_broker import Broker
from logpost_broker.partitions import flusher
from tests.examples.page import SECONDS, Page, await_output
from tests.support.appliance import await_condition

PAGE = "event-sourcing"
EVENTS = 300
"""More than fill the first of the small segments: the one that is written to is not compacted."""


def replayed(events: list[str]) -> dict[str, dict[str, int]]:
    """What the lines of `history` come to."""
    carts: dict[str, dict[str, int]] = {}
    for event in events:
        customer, item, quantity = event.replace(":", "").split()
        carts.setdefault(customer, {})[item] = int(quantity)
    return {
        customer: filled
        for customer, cart in carts.items()
        if (filled := {item: quantity for item, quantity in cart.items() if quantity})
    }


def parsed(shown: str) -> dict[str, dict[str, int]]:
    """What a line of `show` or `shop` says."""
    carts = {}
    for text in filter(None, shown.strip().split("; ")):
        customer, items = text.split(": ")
        carts[customer] = {item: int(quantity) for item, quantity in (entry.split() for entry in items.split(", "))}
    return carts


def test_the_page_shows_what_its_commands_print(page: Callable[[str], Page]) -> None:
    opened = page(PAGE)
    *changes, history, _ = opened.commands
    printed = [opened.output(command) for command in changes]
    assert printed[-1] == opened.shown[0]
    assert opened.output(history) == opened.shown[1]


def test_carts_survive_kill_9_of_the_program_that_fills_them(page: Callable[[str], Page]) -> None:
    opened = page(PAGE)
    *_, show, history, shop = opened.commands
    with opened.running(shop) as shopping:
        await_output(shopping, lambda lines: len(lines) == 50)
        shopping.kill()
        assert shopping.stdout is not None
        rest = shopping.stdout.read().splitlines()  # `communicate` leaves out what was read ahead
    events = opened.output(history).splitlines()
    printed = 50 + len(rest)
    assert len(events) - printed in (0, 1), "one may have been on the disk and not yet printed"
    assert replayed(events[:printed]) == parsed(rest[-1]) if rest else True
    assert parsed(opened.output(show)) == replayed(events)


def test_compaction_shortens_the_history_and_leaves_the_carts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "CHECKPOINT_SECONDS", 0.5)  # compacted is what is on the disk by the last checkpoint
    quick = BrokerConfig(port=0, metrics_port=0, cleaner_check_seconds=0.1)
    with Broker(quick, tmp_path / "broker") as broker:
        opened = Page(PAGE, tmp_path, {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers})
        put, *_, show, history, shop = opened.commands
        opened.output(put)
        make_segments_small(broker)
        with opened.running(shop) as shopping:
            await_output(shopping, lambda lines: len(lines) == EVENTS)
        carts = opened.output(show)
        opened.output(put.replace("ada", "zoe"))
        await_condition(lambda: len(opened.output(history).splitlines()) < EVENTS * 2 / 3, "a compacted topic", SECONDS)
        assert parsed(opened.output(show)) == {**parsed(carts), "zoe": {"apples": 3}}


def make_segments_small(broker: Broker) -> None:
    entry = ConfigEntry("segment.bytes", "16384", incremental_operation=AlterConfigOpType.SET)
    carts = ConfigResource(ResourceType.TOPIC, "carts", incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.incremental_alter_configs([carts])[carts].result(SECONDS)
