"""The map from keys to offsets, against a dictionary."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logpost_broker.log.offset_map import MISSING, SLOT, OffsetMap


@given(st.lists(st.binary(max_size=3), max_size=200))
def test_it_answers_what_a_dictionary_answers(keys: list[bytes]) -> None:
    known = {key: offset for offset, key in enumerate(keys)}
    offsets = OffsetMap.within(1 << 20, len(keys))
    assert all(offsets.put(key, offset) for offset, key in enumerate(keys))
    assert {key: offsets.get(key) for key in keys} == known
    assert offsets.get(b"a key that is longer than all others") == MISSING
    assert len(offsets) == len(known)


def test_a_full_map_takes_no_new_key_and_moves_old_ones_on() -> None:
    offsets = OffsetMap.within(64 * SLOT.size, 1_000_000)
    taken = [key for key in (b"%d" % number for number in range(100)) if offsets.put(key, 1)]
    assert len(taken) == offsets.capacity == 48
    assert not offsets.put(b"new", 2)
    assert offsets.put(taken[0], 3)
    assert offsets.get(taken[0]) == 3
    assert offsets.get(b"new") == MISSING


def test_it_is_no_larger_than_its_keys_need() -> None:
    assert OffsetMap.within(1 << 30, 75).capacity < 80


def test_the_smallest_map_ends_its_search() -> None:
    offsets = OffsetMap(0)
    assert offsets.put(b"a", 0)
    assert offsets.get(b"a") == 0
    assert offsets.get(b"b") == MISSING
