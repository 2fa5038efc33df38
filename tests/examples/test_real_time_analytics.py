"""Clicks are counted in the window in which they happened, while they come and after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable
from xml.etree import ElementTree

from confluent_kafka import Producer

from logpost_broker import Broker
from tests.examples.page import Page, await_output

PAGE = "real-time-analytics"


def total(lines: list[str]) -> int:
    """Of the newest table that is whole."""
    totals = [line.split()[1] for line in lines if line.startswith("all ")]
    return int(totals[-1]) if totals else 0


def test_visitors_are_counted_drawn_and_counted_again_after_a_restart(page: Callable[[str], Page]) -> None:
    opened = page(PAGE)
    live, counting, _ = opened.commands
    with opened.running(live) as watching:
        await_output(watching, lambda lines: total(lines) > 50)
    svg = ElementTree.parse(opened.directory / "clicks.svg")
    bars = [rect for rect in svg.iter("{http://www.w3.org/2000/svg}rect") if rect.get("width") == "14"]
    assert any(float(bar.get("height", "0")) > 0 for bar in bars)
    written = len(opened.output(".venv/bin/logpost topics consume clicks").splitlines())
    with opened.running(counting) as watching:
        await_output(watching, lambda lines: total(lines) == written)


def test_clicks_that_others_write_are_counted_by_page(page: Callable[[str], Page]) -> None:
    opened = page(PAGE)
    _, counting, producing = opened.commands
    with opened.running(counting) as watching:
        await_output(watching, lambda lines: len(lines) > 1)
        assert opened.output(producing) == "delivered 3 messages to clicks\n"
        lines = await_output(watching, lambda lines: total(lines) == 3)
    shown = {line.split()[0]: line.split()[-1] for line in lines[-3:]}
    assert shown == {"/shop": "2", "/cart": "1", "all": "3"}


def test_a_late_click_counts_in_its_own_window(page: Callable[[str], Page], broker: Broker) -> None:
    opened = page(PAGE)
    now = time.time_ns() // 1_000_000
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce("clicks", "/shop", timestamp=now)
    producer.produce("clicks", "/shop", timestamp=now - 10 * 60_000)
    producer.flush()
    with opened.running(opened.commands[1]) as watching:
        lines = await_output(watching, lambda lines: total(lines) == 2)
    bars = lines[-2].removeprefix("/shop").removesuffix("2").strip()
    assert bars == "█" + " " * 9 + "█"
