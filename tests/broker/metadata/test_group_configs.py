"""Where a share group begins, as its configuration says."""

from __future__ import annotations

import pytest

from logpost_broker.metadata.group_configs import duration_ms


@pytest.mark.parametrize(
    ("reset", "expected"),
    [
        ("by_duration:PT0S", 0),
        ("by_duration:PT1.5S", 1_500),
        ("by_duration:PT2M", 120_000),
        ("by_duration:P1DT2H3M4S", 93_784_000),
        ("earliest", None),
        ("latest", None),
    ],
)
def test_how_far_back(reset: str, expected: int | None) -> None:
    assert duration_ms(reset) == expected
