"""Globs and exclusions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.paths import PathRules
from logpost.agent.sources.file.watch import Watch


def found(directory: Path, *patterns: str, exclude: tuple[str, ...] = (), forbidden: tuple[str, ...] = ()) -> set[str]:
    rules = PathRules([str(directory / pattern) for pattern in patterns], exclude, [directory / f for f in forbidden])
    paths = set(rules.find())
    assert all(rules.matches(path) for path in paths)
    return {os.path.relpath(path, directory) for path in paths}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.log", "b.txt", "a.log.1", "a.log.2.gz", "sub/c.log", "sub/deep/d.log", "data/broker/0.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    return tmp_path


def test_a_star_stays_in_its_directory(tree: Path) -> None:
    assert found(tree, "*.log") == {"a.log"}
    assert found(tree, "*/*.log") == {"sub/c.log"}


def test_two_stars_cross_directories(tree: Path) -> None:
    assert found(tree, "**/*.log", forbidden=("data/broker",)) == {"a.log", "sub/c.log", "sub/deep/d.log"}


def test_two_stars_at_the_end_are_all_that_is_below(tree: Path) -> None:
    assert found(tree, "sub/**") == {"sub/c.log", "sub/deep", "sub/deep/d.log"}


def test_links_are_followed_by_name_and_not_in_circles(tree: Path) -> None:
    (tree / "sub" / "up").symlink_to(tree)
    assert found(tree, "**/c.log") == {"sub/c.log"}
    assert found(tree, "sub/up/a.log", "s*/u?/b.txt") == {"sub/up/a.log", "sub/up/b.txt"}


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A directory of more levels than calls may be nested; pytest could not remove it."""
    levels = [tmp_path / "top"]
    while len(levels) < 1100:
        levels.append(levels[-1] / "d")
    for level in levels:
        level.mkdir()
    yield levels[0]
    for level in reversed(levels):
        for file in level.glob("*.log"):
            file.unlink()
        level.rmdir()


def test_directories_may_be_nested_deeper_than_calls(deep: Path) -> None:
    (deep / "a.log").touch()
    assert found(deep, "**/*.log") == {"a.log"}
    watch = Watch(lambda: None)
    watch.add([(deep, True)])
    watch.close()


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError, OSError])
def test_a_directory_that_cannot_be_listed_hides_only_its_own_files(
    tree: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """It goes between the listing of its parent and its own, which no test can time."""
    scandir = os.scandir

    def without_sub(directory: Path) -> object:
        if Path(directory).name == "sub":
            raise error
        return scandir(directory)

    monkeypatch.setattr(os, "scandir", without_sub)
    assert found(tree, "**/*.log", "*/*.log") == {"a.log", "data/broker/0.log"}


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("[z-a].log", "bad character range z-a"),
        ("a**.log", "** must stand alone"),
        ("sub", 'is a directory: name its files, for example "'),
    ],
)
def test_a_pattern_that_is_none_is_named(tree: Path, pattern: str, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)) as raised:
        found(tree, pattern)
    assert f'"{tree}/{pattern}"' in str(raised.value)


def test_compressed_files_are_skipped(tree: Path) -> None:
    assert found(tree, "a.log*") == {"a.log", "a.log.1"}


def test_exclusion_by_name_and_by_path(tree: Path) -> None:
    assert found(tree, "**/*.log", exclude=("d.log", "/**/broker/**")) == {"a.log", "sub/c.log"}
    assert found(tree, "*", exclude=("[!b]*",)) == {"b.txt"}


def test_a_plain_path_is_a_pattern_too(tree: Path) -> None:
    assert found(tree, "sub/c.log", "missing.log") == {"sub/c.log"}


def test_watched_is_the_directory_before_the_first_wildcard(tmp_path: Path) -> None:
    rules = PathRules([f"{tmp_path}/a/*.log", f"{tmp_path}/**/x", f"{tmp_path}/b/c.log"], (), ())
    assert list(rules.watched()) == [(tmp_path / "a", False), (tmp_path, True), (tmp_path / "b", False)]
