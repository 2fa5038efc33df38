"""The store's account of a partition, and how reading goes on by it. Pure."""

from logpost_web.indexer.manifest import ENDLESS, Last, Manifest
from logpost_web.indexer.reading import Bounds, Reading
from logpost_web.store.manifest_table import CHUNK, Chunk

FIRST = "a/topic+id"


def manifest(*chunks: Chunk) -> Manifest:
    return Manifest("logs", 0, FIRST, chunks)


def chunk(number: int, start: int, end: int, rows: int, topic_id: str = FIRST) -> Chunk:
    return Chunk("logs", topic_id, 0, number, start, end, rows)


def whole(number: int) -> Chunk:
    return chunk(number, number * CHUNK, (number + 1) * CHUNK, CHUNK)


def bounds(start: int, end: int, committed: int = 0) -> Bounds:
    return Bounds(topic_id=FIRST, committed=committed, start=start, end=end)


def test_what_was_taken_is_written_in_chunks_and_read_back() -> None:
    taken = manifest()
    taken.take(10, CHUNK + 5, {(FIRST, 0): 7, (FIRST, 1): 5}, Last(CHUNK + 4, 99))
    lines = taken.changes()
    assert [(one.number, one.start, one.end, one.rows, one.last_offset) for one in lines] == [
        (0, 10, CHUNK, 7, -1),
        (1, CHUNK, CHUNK + 5, 5, CHUNK + 4),
    ]
    again = manifest(*lines)
    assert list(again.taken) == [(10, CHUNK + 5)]
    assert (again.end, again.marks()) == (CHUNK + 5, [Last(CHUNK + 4, 99)])
    assert not again.changes()


def test_a_later_line_of_a_chunk_replaces_the_earlier_one() -> None:
    taken = manifest()
    taken.take(0, 5, {(FIRST, 0): 5}, Last(4, 1))
    [before] = [(one.version, one.rows) for one in taken.changes()]
    taken.take(5, 9, {(FIRST, 0): 3}, Last(8, 2))
    [after] = [(one.version, one.rows) for one in taken.changes()]
    assert after > before
    assert after[1] == 8


def test_a_lost_chunk_is_read_again_and_nothing_else() -> None:
    lost = whole(1)
    taken = manifest(whole(0), lost, whole(2))
    assert taken.lose(lost, 0, taken.readable_from(lost, 0)) == 0
    reading = Reading(taken, bounds(0, 3 * CHUNK, committed=3 * CHUNK))
    assert (reading.position, reading.gap, reading.refilled_at) == (CHUNK, 2 * CHUNK, 2 * CHUNK)
    assert reading.taken_ahead(CHUNK, 3 * CHUNK) == CHUNK
    reading.position = 2 * CHUNK
    assert reading.passes(2 * CHUNK)
    assert reading.position == 3 * CHUNK
    reading.account({(FIRST, 1): CHUNK}, None)
    assert (reading.indexed, taken.settle(), taken.lost) == (3 * CHUNK, 0, 0)


def test_what_the_topic_has_no_more_is_lost_and_not_asked_for_again() -> None:
    gone, half = whole(0), whole(1)
    taken = manifest(gone, half)
    log_start = CHUNK + 100
    assert taken.lose(gone, 10, taken.readable_from(gone, log_start)) == CHUNK - 10
    assert taken.lose(half, 40, taken.readable_from(half, log_start)) == 0
    reading = Reading(taken, bounds(log_start, 2 * CHUNK))
    assert reading.position == log_start
    reading.position = 2 * CHUNK
    reading.account({(FIRST, 1): CHUNK - 100}, None)
    assert taken.settle() == 60
    assert taken.lost == CHUNK - 10 + 60
    again = manifest(*taken.chunks())
    assert Reading(again, bounds(log_start, 2 * CHUNK)).refilled_at == 0


def test_offsets_that_hold_no_record_are_taken_with_those_around_them() -> None:
    taken = manifest()
    taken.take(0, 3 * CHUNK + 1, {(FIRST, 0): 1, (FIRST, 3): 1}, Last(3 * CHUNK, 1))
    assert Reading(manifest(*taken.chunks()), bounds(0, 3 * CHUNK + 1)).position == 3 * CHUNK + 1


def test_an_empty_store_is_filled_up_to_what_its_group_had() -> None:
    reading = Reading(manifest(), bounds(100, 900, committed=450))
    assert (reading.position, reading.refilled_at) == (100, 450)


def test_a_new_group_or_one_that_is_behind_has_nothing_to_refill() -> None:
    assert Reading(manifest(), bounds(0, 900)).refilled_at == 0
    assert Reading(manifest(chunk(0, 0, 450, 450)), bounds(0, 900, committed=450)).refilled_at == 0
    assert Reading(manifest(chunk(0, 0, 450, 450)), bounds(450, 900, committed=450)).position == 450


def test_a_second_life_has_ids_of_its_own_and_the_first_keeps_its_rows() -> None:
    taken = manifest(chunk(0, 0, 450, 450))
    taken.begin_life(300)
    reading = Reading(taken, Bounds(topic_id=FIRST, committed=450, committed_id=FIRST, start=0, end=310))
    assert (reading.position, reading.refilled_at, taken.topic_id_at(299)) == (300, 0, FIRST)
    second = taken.topic_id_at(300)
    reading.position = 310
    reading.account({(second, 0): 10}, Last(309, 7))
    again = manifest(*taken.chunks())
    assert again.topic_id_at(305) == second
    assert again.end == 310
    again.begin_life(300)
    third = again.topic_id_at(300)
    assert len({FIRST, second, third}) == 3
    assert manifest(*again.chunks()).topic_id_at(300) == third


def test_rows_of_an_earlier_life_cannot_come_again() -> None:
    taken = manifest(chunk(0, 0, 450, 450))
    taken.begin_life(0)
    first = next(one for one in taken.chunks() if one.topic_id == FIRST)
    assert taken.lose(first, 400, taken.readable_from(first, 0)) == 50
    assert Reading(taken, bounds(0, 10)).position == 0


def test_an_earlier_life_is_lived_again() -> None:
    """The newer state of a broker is put back after an older one: nothing of it is read twice."""
    taken = manifest(chunk(0, 0, 450, 450))
    taken.begin_life(300)
    second = taken.topic_id_at(300)
    taken.take(300, 310, {(second, 0): 10}, Last(309, 7))
    assert (taken.earlier_ids(300), taken.spans(200)) == ([FIRST], [(FIRST, 200, 300), (second, 300, ENDLESS)])
    taken.begin_life(300, FIRST)
    for again in (taken, manifest(*taken.chunks())):
        assert (again.topic_id_at(305), again.end, list(again.taken)) == (FIRST, 450, [(0, 450)])
        assert (again.earlier_ids(300), again.earlier_ids(299)) == ([second], [])
    again.begin_life(300, second)
    assert (again.topic_id_at(299), again.topic_id_at(305), list(again.taken)) == (FIRST, second, [(0, 310)])
    assert manifest(*again.chunks()).marks() == [Last(309, 7)]


def test_rows_of_a_chunk_that_is_taken_in_pieces_count_once() -> None:
    taken = manifest(chunk(0, 0, 450, 450))
    taken.begin_life(300)
    taken.begin_life(100)
    third = taken.topic_id_at(100)
    taken.take(100, 400, {(third, 0): 300}, Last(399, 1))
    assert [one.rows for one in taken.chunks() if one.topic_id == third] == [300]
