"""What a program or shared library of Linux asks of its host, read from its bytes: pure, and for any processor."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MACHINES = {62: "x86_64", 183: "aarch64"}
_NEEDED, _STRTAB, _RPATH, _RUNPATH, _VERNEED, _VERNEEDNUM = 1, 5, 15, 29, 0x6FFFFFFE, 0x6FFFFFFF
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551


@dataclass
class Elf:
    """`needed`: libraries by name; `versions`: what it asks of each (`GLIBC_2.17`); `paths`: where it looks first;
    `executable_stack`: kernels may refuse that."""

    machine: str
    needed: list[str] = field(default_factory=list)
    versions: dict[str, list[str]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    executable_stack: bool = False

    def newest(self, prefix: str) -> tuple[int, ...]:
        """The highest version of a family (`GLIBC`, `GLIBCXX`) that it asks for; () when none."""
        names = [name for names in self.versions.values() for name in names if name.startswith(f"{prefix}_")]
        numbers = [name.partition("_")[2] for name in names]
        return max((tuple(map(int, one.split("."))) for one in numbers if one[:1].isdigit()), default=())


def read(data: bytes) -> Elf | None:
    """None when it is no ELF file of 64 bits in little-endian order."""
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    (machine,) = struct.unpack_from("<H", data, 18)
    found = Elf(MACHINES.get(machine, str(machine)))
    segments = list(_segments(data))
    found.executable_stack = any(kind == _STACK and flags & 1 for kind, flags, *_ in segments)
    dynamic = next((data[at : at + size] for kind, _, at, _, size in segments if kind == _DYNAMIC), b"")
    entries = [entry for entry in struct.iter_unpack("<qQ", dynamic[: len(dynamic) // 16 * 16]) if entry[0]]
    table = {tag: value for tag, value in entries if tag not in (_NEEDED,)}
    if _STRTAB not in table:
        return found

    def offset(address: int) -> int:
        return next(
            address - low + at for kind, _, at, low, size in segments if kind == _LOAD and low <= address < low + size
        )

    strings = offset(table[_STRTAB])

    def text(at: int) -> str:
        start = strings + at
        return data[start : data.index(b"\0", start)].decode()

    found.needed = [text(value) for tag, value in entries if tag == _NEEDED]
    found.paths = [text(value) for tag, value in entries if tag in (_RPATH, _RUNPATH)]
    if _VERNEED in table:
        for library, version in _needs(data, offset(table[_VERNEED]), table[_VERNEEDNUM]):
            found.versions.setdefault(text(library), []).append(text(version))
    return found


def _segments(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Kind, flags, place in the file, address, size in the file of each."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, flags, at, address, _, length = struct.unpack_from("<IIQQQQ", data, table + number * size)
        yield kind, flags, at, address, length


def _needs(data: bytes, at: int, count: int) -> Iterator[tuple[int, int]]:
    """Pairs of library and version, each a place in the table of strings."""
    for _ in range(count):
        _, entries, library, first, following = struct.unpack_from("<HHIII", data, at)
        entry = at + first
        for _ in range(entries):
            _, _, _, name, following_entry = struct.unpack_from("<IHHII", data, entry)
            yield library, name
            entry += following_entry
        at += following
