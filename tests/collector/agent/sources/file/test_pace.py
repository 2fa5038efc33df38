"""Looks at many names do not keep a quiet host busy, and what events do not tell is found soon."""

from __future__ import annotations

import pytest

from logpost.agent.sources.file.pace import GAP_SECONDS, pause, rest


@pytest.mark.parametrize(("took", "seconds"), [(0.0001, GAP_SECONDS), (0.01, 0.2), (1.0, 20.0)])
def test_a_look_is_followed_by_rest(took: float, seconds: float) -> None:
    assert rest(took) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("what", "poll_seconds", "took", "cpu_seconds", "is_watched", "seconds"),
    [
        ("twenty files", 1.0, 0.0005, 0.0005, True, 1.0),
        ("a thousand", 1.0, 0.008, 0.008, True, 2.4),
        ("ten thousand", 1.0, 0.08, 0.08, True, 5.0),
        ("a hundred thousand", 1.0, 0.8, 0.8, True, 16.0),
        ("a thousand without events", 1.0, 0.008, 0.008, False, 1.0),
        ("a thousand that another host has", 1.0, 0.2, 0.008, True, 4.0),
        ("who wants it seldom", 60.0, 0.08, 0.08, True, 60.0),
        ("who wants it often", 0.1, 0.0001, 0.0001, True, 0.1),
    ],
)
def test_how_often_nobody_need_ask(
    what: str, poll_seconds: float, took: float, cpu_seconds: float, is_watched: bool, seconds: float
) -> None:
    assert pause(poll_seconds, took, cpu_seconds, is_watched=is_watched) == pytest.approx(seconds), what
