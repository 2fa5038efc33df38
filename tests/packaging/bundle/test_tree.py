"""What a tree says of itself to programs that are installed from it."""

import configparser
import tomllib

from bundle.places import ROOT
from bundle.tree import entry_points


def groups(kind: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(delimiters="=")
    parser.read_string(entry_points(kind))
    return {name: dict(parser[name]) for name in parser.sections()}


def test_the_box_has_all_that_logpost_looks_for() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert groups("box") == {name: found for name, found in declared.items() if name.startswith("logpost.")}


def test_the_agent_has_what_is_in_its_tree() -> None:
    found = groups("agent")
    assert {place.partition(".")[0] for group in found.values() for place in group.values()} == {"logpost"}
    assert "agent" in found["logpost.commands"] and "up" not in found["logpost.commands"]
