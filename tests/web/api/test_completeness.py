"""What an answer says of its own completeness."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from logpost_web.api.completeness import ASKED_AT_MOST, Behind, Completeness, Partition, ask_whole, completeness
from logpost_web.indexer.progress import PartitionProgress, Pause, Progress, SteppedOver
from logpost_web.store.errors import QueryError

SECOND_NS = 10**9


def partition(number: int, indexed: int, end: int, seconds: int) -> PartitionProgress:
    return PartitionProgress(
        topic="logs", partition=number, next_offset=indexed, end_offset=end, indexed_until_ns=seconds * SECOND_NS
    )


def of(*partitions: PartitionProgress) -> Completeness:
    return completeness(Progress(partitions=partitions))


def test_nothing_is_known_before_the_first_record() -> None:
    assert of() == Completeness()
    assert of(partition(0, 0, 0, 0)) == Completeness(
        partitions=[Partition(topic="logs", partition=0, offset=0, until=None)]
    )


def test_with_nobody_behind_everything_up_to_the_newest_record_is_there() -> None:
    found = of(partition(0, 5, 5, 60), partition(1, 7, 7, 120), partition(2, 0, 0, 0))
    assert (found.indexed_until, found.behind) == ("1970-01-01T00:02:00.000000000Z", [])


def test_each_partition_says_how_far_it_is() -> None:
    [known] = of(partition(3, 5, 9, 60)).partitions
    assert known == Partition(topic="logs", partition=3, offset=5, until="1970-01-01T00:01:00.000000000Z")


def test_a_partition_that_is_behind_holds_the_promise_back() -> None:
    found = of(partition(0, 5, 5, 120), partition(1, 7, 19, 60), partition(2, 1, 2, 90))
    assert found.indexed_until == "1970-01-01T00:01:00.000000000Z"
    assert found.behind == [
        Behind(topic="logs", partition=1, records=12),
        Behind(topic="logs", partition=2, records=1),
    ]


def test_a_partition_of_which_nothing_is_indexed_leaves_nothing_to_promise() -> None:
    found = of(partition(0, 5, 5, 120), partition(1, 0, 3, 0))
    assert found.indexed_until is None
    assert found.behind == [Behind(topic="logs", partition=1, records=3)]


def test_what_was_stepped_over_or_lost_and_a_pause_are_told_under_the_names_of_the_api() -> None:
    gap = SteppedOver(topic="logs", partition=1, start=4, end=9, reason="a damaged batch")
    pause = Pause(since_ns=60 * SECOND_NS, reason="a full disk")
    found = completeness(Progress(stepped_over=(gap,), paused=pause, lost_rows=12))
    answer = msgspec.json.decode(msgspec.json.encode(found))
    assert answer == {
        "indexed_until": None,
        "partitions": [],
        "behind": [],
        "missing": [],
        "stepped_over": [{"topic": "logs", "partition": 1, "from": 4, "to": 9, "reason": "a damaged batch"}],
        "dropped": [{"source": "store", "reason": "lost", "count": 12}],
        "paused": {"since": "1970-01-01T00:01:00.000000000Z", "reason": "a full disk"},
    }


class Question:
    """Asked once after another; while the n-th answer is awaited, damage is found `found[n]` times."""

    def __init__(self, found: Sequence[int]) -> None:
        self._found = iter(found)
        self._progress = Progress()
        self.asked = 0

    def progress(self) -> Progress:
        return self._progress

    async def ask(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        self._progress = Progress(damages=self._progress.damages + next(self._found))
        return f"answer {self.asked}"


@pytest.mark.parametrize(("found", "damages", "answer"), [((0,), 0, "answer 1"), ((2, 0), 2, "answer 2")])
def test_what_damage_overtook_is_asked_again(found: Sequence[int], damages: int, answer: str) -> None:
    question = Question(found)
    expected = (Progress(damages=damages), answer)
    assert asyncio.run(ask_whole(question.progress, question.ask)) == expected


def test_what_damage_overtakes_each_time_is_no_answer() -> None:
    question = Question([1] * ASKED_AT_MOST)
    with pytest.raises(QueryError) as raised:
        asyncio.run(ask_whole(question.progress, question.ask))
    assert raised.value.is_damage
