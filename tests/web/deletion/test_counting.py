"""What was counted, until somebody says yes."""

from __future__ import annotations

import json

import pytest

from logpost_web.deletion import counting as module
from logpost_web.deletion.counting import MAX_COUNTED, TOO_LARGE, Counting
from logpost_web.deletion.question import read_question
from logpost_web.store import deleted
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store

_, CONDITION, SPAN = read_question("row", "", 0)


def test_of_many_counts_the_oldest_is_forgotten(store: Store) -> None:
    fill(store)
    counting = Counting(store)
    names = [counting.count(CONDITION, SPAN)[0] for _ in range(MAX_COUNTED + 1)]
    assert deleted.matched(store) == set(names[1:])
    assert counting.take(names[0]) is None
    found = counting.take(names[1])
    assert found is not None
    assert counting.take(names[1]) is None
    counting.put_back(names[1], found)
    assert counting.take(names[1]) == found


def test_what_a_process_before_counted_is_forgotten_and_what_this_one_counts_is_not(store: Store) -> None:
    fill(store)
    before = [Counting(store).count(CONDITION, SPAN)[0] for _ in range(2)]
    counting = Counting(store)
    taken, _ = counting.count(CONDITION, SPAN)
    assert counting.take(taken)
    kept, _ = counting.count(CONDITION, SPAN)
    counting.forget_left(before[:1])  # a deletion is of it
    assert deleted.matched(store) == {before[0], taken, kept}
    later, _ = counting.count(CONDITION, SPAN)
    counting.forget_left([])
    assert deleted.matched(store) == {before[0], taken, kept, later}


def test_of_a_count_that_is_too_large_nothing_is_left(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    with pytest.raises(QueryError, match=TOO_LARGE):
        Counting(store).count(CONDITION, SPAN)
    assert deleted.matched(store) == set()


def fill(store: Store) -> None:
    rows = [{"Body": "row", "Topic": "logs", "TopicId": "id", "Partition": 0, "Offset": number} for number in range(6)]
    store.insert("\n".join(map(json.dumps, rows)).encode())
