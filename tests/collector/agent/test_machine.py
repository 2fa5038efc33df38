"""Which machine this is."""

from __future__ import annotations

from pathlib import Path

from logpost.agent.machine import machine_id


def test_a_machine_is_known_by_a_hash_of_its_id(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert machine_id([first]) == ""
    first.write_text("uninitialized\n")
    assert machine_id([first]) == ""
    second.write_text("0123456789abcdef0123456789abcdef\n")
    made = machine_id([first, second])
    assert len(made) == 32 and "0123456789abcdef" not in made
    first.write_text("1123456789abcdef0123456789abcdef\n")
    assert machine_id([first]) not in ("", made)
