"""What errors say about damage, and a gate for the moment in which the store is opened again."""

import threading

import pytest

from logpost_web.store.damage import is_damage, names_no_part, part_in
from logpost_web.store.gate import Gate

PART = "/data/store/357/357f79b4-9cbf-4572-80ba-688062ffd16b/2147483649-4988882400000_100_105_2"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (33, f"Cannot read all data: While reading or decompressing {PART}/data.bin (position: 7667)"),
        (74, f"DB::ErrnoException: Cannot read from file {PART}/data.bin, errno: 5, strerror: Input/output error"),
        (40, f"Checksum doesn't match: (while reading from part {PART}/ in table default.otel_logs)"),
        (1001, f'std::filesystem_error: filesystem error: in file_size: No such file or directory ["{PART}"]'),
    ],
)
def test_errors_of_a_damaged_part_name_it(code: int, message: str) -> None:
    assert is_damage(code, message)
    assert part_in(message) == "2147483649-4988882400000_100_105_2"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (241, f"Memory limit exceeded: (while reading from part {PART}/ in table default.otel_logs)"),
        (159, "Timeout exceeded"),
        (1001, "std::bad_alloc"),
        (0, "the connection broke"),
        (
            76,
            f"DB::ErrnoException: Cannot open file {PART}/data.bin: , errno: 24, strerror: Too many open files",
        ),
        (76, f"DB::ErrnoException: Cannot open file {PART}/data.bin: , errno: 13, strerror: Permission denied"),
        (74, f"DB::ErrnoException: Cannot read from file {PART}/data.bin, errno: 12, strerror: Cannot allocate memory"),
    ],
)
def test_other_errors_are_no_damage(code: int, message: str) -> None:
    assert not is_damage(code, message)


def test_a_message_without_a_part_names_none() -> None:
    assert part_in("Cannot open file /data/store/format_version.txt") is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "Checksum doesn't match: While reading or decompressing skp_idx_idx_words.idx (position: 9)",
            True,
        ),
        ("Cannot read all data: While reading data.cmrk4", True),
        (f"Cannot read all data: While reading or decompressing {PART}/data.bin (position: 7667)", False),
        ('Cannot parse JSON object here: {"a":}: (at row 1)', False),
    ],
)
def test_damage_of_a_part_that_is_not_named_is_told_from_other_errors(message: str, expected: bool) -> None:
    assert names_no_part(message) is expected


def test_a_gate_closes_when_all_have_left_and_opens_again() -> None:
    gate = Gate()
    order: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    def inside(name: str) -> None:
        with gate.inside():
            entered.set()
            leave.wait(60)
            order.append(name)

    first = threading.Thread(target=inside, args=("first",))
    first.start()
    assert entered.wait(60)
    leave.set()
    with gate.closed():
        order.append("closed")
        second = threading.Thread(target=inside, args=("second",))
        second.start()
        with gate.inside():  # who closed it may enter
            order.append("closer")
    first.join(60)
    second.join(60)
    assert order == ["first", "closed", "closer", "second"]
