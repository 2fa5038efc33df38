import struct
import sys
from pathlib import Path

import pytest

from bundle import elf

INTERPRETER = Path(sys.executable).resolve()


def test_an_interpreter_needs_the_c_library() -> None:
    found = elf.read(INTERPRETER.read_bytes())
    assert found is not None
    assert found.machine in {"x86_64", "aarch64"}
    assert "libc.so.6" in found.needed
    assert (2, 2) < found.newest("GLIBC") < (3,)


def test_a_family_that_is_not_asked_for_has_no_newest() -> None:
    assert elf.Elf("x86_64", versions={"libc.so.6": ["GLIBC_2.4", "GLIBC_PRIVATE"]}).newest("GLIBCXX") == ()


def test_versions_are_compared_as_numbers() -> None:
    asked = elf.Elf("x86_64", versions={"libc.so.6": ["GLIBC_2.9", "GLIBC_2.28"], "libm.so.6": ["GLIBC_2.14"]})
    assert asked.newest("GLIBC") == (2, 28)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(60), b"\x7fELF"])
def test_other_files_are_none(data: bytes) -> None:
    assert elf.read(data) is None


def test_a_program_without_dynamic_part_needs_nothing() -> None:
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    )
    stack = struct.pack("<IIQQQQQQ", 0x6474E551, 7, 0, 0, 0, 0, 0, 16)
    found = elf.read(header + stack)
    assert found == elf.Elf("aarch64", executable_stack=True)
