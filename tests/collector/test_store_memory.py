"""What memory the embedded store may use."""

import pytest

from logpost.store_memory import LEAST_BYTES, engine_bytes

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("set_to", "available", "expected"),
    [
        (512 * MIB, 8192 * MIB, 512 * MIB),
        (512 * MIB, 600 * MIB, 300 * MIB),
        (2048 * MIB, 2048 * MIB, 1024 * MIB),
        (512 * MIB, 100 * MIB, LEAST_BYTES),
        (100 * MIB, 8192 * MIB, 100 * MIB),
    ],
)
def test_the_setting_holds_up_to_half_of_what_there_is(set_to: int, available: int, expected: int) -> None:
    assert engine_bytes(set_to, available) == expected
