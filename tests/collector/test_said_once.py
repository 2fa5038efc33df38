"""A warning is said once, and again when it was over."""

from __future__ import annotations

import logging

import pytest

from logpost.said_once import SaidOnce


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> SaidOnce:
    caplog.set_level(logging.INFO, "test")
    return SaidOnce(logging.getLogger("test"), most=2)


def test_it_is_said_once_of_each_thing(said: SaidOnce, caplog: pytest.LogCaptureFixture) -> None:
    assert said.warn("disk", "%s is full", "/a")
    assert not said.warn("disk", "%s is full", "/b")
    assert said.error("net", "gone")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "/a is full"),
        ("ERROR", "gone"),
    ]


def test_it_is_said_again_once_it_was_over(said: SaidOnce) -> None:
    assert not said.over("disk")
    said.warn("disk", "full")
    assert said.over("disk")
    assert said.warn("disk", "full")
    assert said.all_over()
    assert not said.all_over()
    assert said.warn("disk", "full")


def test_of_more_things_than_that_nothing_is_said(said: SaidOnce) -> None:
    assert [said.warn(of, "no") for of in "abc"] == [True, True, False]
