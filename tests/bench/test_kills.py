"""What `bench.kills` says of lines, and of what lies in a store."""

from pathlib import Path

from bench.kills.lines import compared, number_of
from bench.kills.signs import leftovers, under_way


def test_lines_that_are_gone_doubled_or_must_not_be_there_are_named() -> None:
    assert compared({1: 1, 2: 1, 9: 1}, {1, 2}, {9}) == []
    assert compared({1: 2, 3: 1}, {1, 2}, set()) == [
        "1 lines are not there, such as [2]",
        "1 lines are there more than once, such as [1]",
        "1 lines must not be there, such as [3]",
    ]
    assert number_of("erase7 150 the order of customer 1 was paid") == ("erase7", 150)


def test_what_was_under_way_is_known_by_what_lies_in_the_store(tmp_path: Path) -> None:
    table = tmp_path / "store" / "abc" / "abc-1"
    for name in ("all_1_1_0", "tmp_merge_all_1_2_1", "tmp_insert_all_3_3_0"):
        (table / name).mkdir(parents=True)
    (tmp_path / "metadata" / "default").mkdir(parents=True)
    (tmp_path / "metadata" / "default" / "otel_logs_older.sql").touch()
    assert under_way(tmp_path) == {"insert", "merge", "migration"}
    left = leftovers(tmp_path, {str(table)})
    assert sorted(Path(one).name for one in left) == ["tmp_insert_all_3_3_0", "tmp_merge_all_1_2_1"]
    (table / "detached" / "broken_all_1_1_0").mkdir(parents=True)
    (tmp_path / "shadow").mkdir()
    left = leftovers(tmp_path, {str(table)})
    assert {Path(one).name for one in left} >= {"broken_all_1_1_0", "shadow"}
    assert f"{table} is of no table" in leftovers(tmp_path, set())
