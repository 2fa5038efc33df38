"""When a block is inserted."""

import pytest

from logpost.config import StoreConfig
from logpost_web.indexer.block import FILL_SECONDS, FLOW, seconds_to_fill

CONFIG = StoreConfig(block_rows=50_000, block_seconds=0.5)


@pytest.mark.parametrize(("behind", "came"), [(50_000, FLOW), (10_000_000, 10_000)])
def test_a_block_is_filled_while_there_is_enough_to_fill_it(behind: int, came: int) -> None:
    assert seconds_to_fill(CONFIG, behind, came) == FILL_SECONDS


@pytest.mark.parametrize(
    ("behind", "came"),
    [
        (0, 0),
        (49_999, 10_000),
        (10_000_000, 0),  # the broker is away, or a partition stands still
        (10_000_000, FLOW - 1),
    ],
)
def test_a_line_waits_no_longer_where_a_block_would_not_be_full_soon(behind: int, came: int) -> None:
    assert seconds_to_fill(CONFIG, behind, came) == CONFIG.block_seconds


def test_blocks_that_may_be_old_stay_so() -> None:
    assert seconds_to_fill(StoreConfig(block_seconds=60), 50_000, FLOW) == 60
