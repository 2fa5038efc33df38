"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.units import DURATION, SHARE_OR_SIZE, UNITS, milliseconds, parse, share_or_size, written


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("14d", "ms", 14 * 86_400_000),
        ("90s", "seconds", 90),
        ("90s", "minutes", Fraction(3, 2)),
        ("1h30m", "minutes", 90),
        ("1h 30m", "minutes", 90),
        ("2 weeks", "minutes", 2 * 7 * 24 * 60),
        ("0.5s", "ms", 500),
        ("250 ms", "ms", 250),
        ("5 min", "seconds", 300),
        ("50GB", "bytes", 50 * 10**9),
        ("1.5 GiB", "bytes", 3 * 2**29),
        ("64kb", "bytes", 64_000),
        ("64KiB", "bytes", 65_536),
        ("10B", "bytes", 10),
        ("0s", "ms", 0),
    ],
)
def test_a_number_with_its_unit(text: str, unit: str, value: Fraction) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "14",
        "d",
        "-1d",
        "1e3s",
        "1_0s",
        "٣s",
        "1m1h",
        "1s1s",
        "1.s",
        ".5s",
        "14 D2",
        "70%",
        "9" * 50 + "s",
        "1x",
        "1h-30m",
    ],
)
def test_what_is_no_such_number_is_refused_with_an_example(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match=r'expected a .* such as ".*", got'):
        parse(text, unit)


@pytest.mark.parametrize(("text", "unit"), [("14d", "bytes"), ("50GB", "ms"), ("5M", "seconds"), ("5m", "bytes")])
def test_a_size_is_no_duration(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text, unit)


@given(st.integers(0, 10**15), st.sampled_from(sorted(UNITS)))
def test_what_is_written_is_read_again(value: int, unit: str) -> None:
    assert parse(written(Fraction(value), unit), unit) == value


@given(st.text(max_size=60), st.sampled_from(sorted(UNITS)))
def test_any_text_is_a_number_or_refused(text: str, unit: str) -> None:
    try:
        assert parse(text, unit) >= 0
    except ValueError as error:
        assert "expected" in str(error)


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d", "w"]), st.sampled_from(["", " "]))
def test_a_unit_counts_the_same_in_every_setting(count: int, unit: str, between: str) -> None:
    text = f"{count}{between}{unit}"
    assert parse(text, "ms") == 1000 * parse(text, "seconds") == 60_000 * parse(text, "minutes")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_209_600_000, "ms", "14d"),
        (90, "minutes", "1h30m"),
        (Fraction(1, 2), "seconds", "500ms"),
        (2**30, "bytes", "1GiB"),
        (50 * 10**9, "bytes", "50GB"),
        (1_048_588, "bytes", "1048588B"),
        (0, "bytes", "0B"),
        (0, "ms", "0s"),
    ],
)
def test_the_shortest_text(value: Fraction, unit: str, text: str) -> None:
    assert written(Fraction(value), unit) == text


@pytest.mark.parametrize("text", ["14d", "1h30m", "1h 30m", "2 weeks", "0.5s", "250 ms", "10 MIN", "1w2d", "0d1h"])
def test_a_pattern_knows_the_durations(text: str) -> None:
    assert re.search(DURATION, text)
    assert milliseconds(text) == parse(text, "ms")


@pytest.mark.parametrize("text", ["", "0", "0d", "14", "1m1h", "1s1s", "5GB", "-1d", "14D", "9" * 50 + "s", "1d\n"])
def test_what_is_no_duration_above_0_does_not_match(text: str) -> None:
    assert not re.search(DURATION, text)


@given(st.text("0123456789. smhdwMGiBbytes-", max_size=12))
def test_what_matches_can_be_read(text: str) -> None:
    if re.search(DURATION, text):
        assert milliseconds(text) >= 1
    if re.search(SHARE_OR_SIZE, text):
        assert share_or_size(text, 10**12) >= 0


@pytest.mark.parametrize(
    ("value", "size"),
    [("70%", 700), ("12.5 %", 125), ("100%", 1000), ("50GB", 50 * 10**9), ("1 KiB", 1024), ("300", 300), (300, 300)],
)
def test_a_share_of_a_disk_or_a_size(value: int | str, size: int) -> None:
    assert re.search(SHARE_OR_SIZE, str(value))
    assert share_or_size(value, 1000) == size
