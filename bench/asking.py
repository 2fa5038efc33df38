"""Asks a store what `bench.search` asks: by one client, by many, while lines come in."""

from __future__ import annotations

import multiprocessing
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench import box, victorialogs
from bench.questions import Question
from bench.sides import Client, Side

FOUND = {box.Box.name: box.found, victorialogs.VictoriaLogs.name: victorialogs.found}
CLIENTS = 8
FEED_SECONDS = 1800.0
"""Longer than asking may take."""
END_SECONDS = 30.0

Answers = dict[str, dict[str, int]]
"""Lines found by query and group."""
Milliseconds = dict[str, float]
"""By query."""


def ask_once(side: Side, asked: Sequence[Question]) -> tuple[Milliseconds, Answers]:
    taken: Milliseconds = {}
    answers: Answers = {}
    client = side.client()
    for question in asked:
        seconds, body = client.ask(question.asked[side.name])
        taken[question.name] = seconds * 1e3
        answers[question.name] = FOUND[side.name](body)
    client.close()
    return taken, answers


def ask_again(side: Side, asked: Sequence[Question], rounds: int) -> Milliseconds:
    """Medians of each, asked `rounds` times behind each other."""
    client = side.client()
    taken = medians(client, side, [question for question in asked for _ in range(rounds)])
    client.close()
    return taken


def ask_together(side: Side, asked: Sequence[Question], rounds: int) -> Milliseconds:
    """CLIENTS at once, each in an order of its own; medians."""

    def one(number: int) -> Milliseconds:
        client = side.client()
        turned = [*asked[number:], *asked[:number]]
        try:
            return medians(client, side, turned * rounds)
        finally:
            client.close()

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(one, range(CLIENTS)))
    return {question.name: statistics.median(one[question.name] for one in found) for question in asked}


def medians(client: Client, side: Side, asked: Sequence[Question]) -> Milliseconds:
    taken: dict[str, list[float]] = {}
    for question in asked:
        taken.setdefault(question.name, []).append(client.ask(question.asked[side.name])[0] * 1e3)
    return {name: statistics.median(values) for name, values in taken.items()}


@contextmanager
def coming_in(side: Side, file: Path, rate: float) -> Iterator[None]:
    """`rate` lines of `file` a second, from a process of its own: this one measures."""
    if not rate:
        yield
        return
    feeder = side.feeder(file, rate, FEED_SECONDS)
    feeding = multiprocessing.get_context("spawn").Process(target=feeder, daemon=True)
    feeding.start()
    try:
        yield
        if feeding.exitcode is not None:
            raise RuntimeError(f"no lines came in any more: exit status {feeding.exitcode}")
    finally:
        feeding.terminate()
        feeding.join(END_SECONDS)
