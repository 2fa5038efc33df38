"""How a number is written in the store, other than in the query."""

from __future__ import annotations

import pytest

from logpost.query.numbers import Numbers, stored_double, stored_numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("5", None),
        ("1.1", None),
        ("1e-400", Numbers(("-0", "0"), ("0",))),
        ("1e999999999999999999999", None),
        ("1e3", Numbers(("1000",), ("1000",))),
        ("-5.0", Numbers(("-5",), ("-5",))),
    ],
)
def test_other_ways_to_write_a_number(text: str, numbers: Numbers | None) -> None:
    assert stored_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "stored"), [("1.10", "1.1"), ("1e+21", "1e21"), ("+5", "5"), (".5", "0.5"), ("1e999", "")]
)
def test_how_numbers_are_stored(text: str, stored: str) -> None:
    assert stored_double(float(text)) == stored
