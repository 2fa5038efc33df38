"""What tells files apart."""

from __future__ import annotations

from logpost.agent.sources.file.fingerprint import HEAD_BYTES, ReadAt, fingerprint, identifies_copies, is_same_file


def file(content: bytes) -> ReadAt:
    return lambda offset, length: content[offset : offset + length]


LOG = b"".join(b"line %d\n" % number for number in range(200))


def test_a_file_that_has_grown_is_the_same() -> None:
    for position in (0, 3, 100, 1000):
        assert is_same_file(fingerprint(file(LOG[: position + 5]), position), file(LOG), position)


def test_a_file_that_begins_otherwise_is_another() -> None:
    assert not is_same_file(fingerprint(file(LOG), 1000), file(b"X" + LOG[1:]), 1000)


def test_a_file_that_differs_before_the_position_is_another() -> None:
    assert not is_same_file(fingerprint(file(LOG), 1000), file(LOG[:900] + b"X" + LOG[901:]), 1000)


def test_a_shorter_file_is_another() -> None:
    assert not is_same_file(fingerprint(file(LOG), 1000), file(LOG[:999]), 1000)


def test_a_file_that_was_only_begun_is_known_by_what_it_had() -> None:
    """Nothing is acknowledged yet, but lines may be sent: another file with this inode must not go on for it."""
    assert not is_same_file(fingerprint(file(b"one\n"), 0), file(b"uno\n"), 0)


def test_few_bytes_do_not_identify_a_copy() -> None:
    assert not identifies_copies(fingerprint(file(LOG), HEAD_BYTES - 1))
    assert identifies_copies(fingerprint(file(LOG), HEAD_BYTES))
