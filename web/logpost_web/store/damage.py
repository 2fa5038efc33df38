"""What the engine's errors say about damage. Pure."""

from __future__ import annotations

import errno
import re

CORRUPTED = 246
"""ClickHouse's code CORRUPTED_DATA."""
DAMAGE_CODES = frozenset(
    {
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        40,  # CHECKSUM_DOESNT_MATCH
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        79,  # INCORRECT_FILE_NAME
        107,  # FILE_DOESNT_EXIST
        117,  # INCORRECT_DATA
        226,  # NO_FILE_IN_DATA_PART
        228,  # BAD_SIZE_OF_FILE_IN_DATA_PART
        CORRUPTED,
        271,  # CANNOT_DECOMPRESS
        1001,  # an error of the operating system, as "No such file or directory"
    }
)
"""ClickHouse's codes of errors that bytes cause which are not what was written."""
OPERATING_SYSTEM = 1001

# A directory of a part: 20261130_1_6_1, below store/357/357f79b4-…/.
_PART = re.compile(r"/([0-9a-zA-Z-]+_\d+_\d+_\d+(?:_\d+)?)(?=[/\"' ]|$)")
# A file of a part, where the engine does not say of which part: skp_idx_idx_words.idx, data.bin, Body.cmrk2.
_FILE = re.compile(r"\b\w+\.(?:bin|idx|idx2|cidx|c?mrk\d?|packed)\b")


# "Cannot open file /…/data.bin: , errno: 24, strerror: Too many open files"
_ERRNO = re.compile(r"\berrno: (\d+)")
REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT})
"""The system lets nobody look, or not now: the bytes may be as they were written."""


def is_damage(code: int, message: str) -> bool:
    """Whether an error means that stored bytes are damaged or gone."""
    if is_refusal(message):
        return False
    if code == OPERATING_SYSTEM:
        return "filesystem error" in message and "No such file" in message
    return code in DAMAGE_CODES


def is_refusal(message: str) -> bool:
    """Whether the system let the engine not read, so that nothing is known of the bytes."""
    return any(int(number) in REFUSED for number in _ERRNO.findall(message))


def part_in(message: str) -> str | None:
    """The name of the part that an error was met in, where the message says it."""
    found = _PART.search(message)
    return found[1] if found else None


def names_no_part(message: str) -> bool:
    """Whether damage of some part was met, and nothing says of which."""
    return part_in(message) is None and _FILE.search(message) is not None
