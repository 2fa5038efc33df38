"""A tree runs what is in it and nothing else, from wherever it lies, and stays as it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundle import checks
from bundle.places import NATIVE, PYTHON, TARGETS, version
from bundle.tree import place

POISONED = ("encodings", "logpost", "msgspec", "os", "sitecustomize", "usercustomize")


def run(program: Path, *arguments: str, cwd: Path, environment: Mapping[str, str]) -> str:
    """What it says, with an environment of these variables only; it must end with 0."""
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_in_a_tree_unfits_it(tree: Path) -> None:
    assert checks.faults(tree, NATIVE) == []


def test_nothing_unfits_the_agent_of_the_other_processor() -> None:
    other = next(target for target in TARGETS.values() if target != NATIVE)
    if not place("agent", other).exists():
        pytest.skip(f"no tree of the agent for {other.arch}: make package")
    assert checks.faults(place("agent", other), other) == []


@pytest.fixture
def poison(tmp_path: Path) -> Path:
    """A directory, a home and a startup file whose modules leave a mark when anything imports them."""
    mark = (
        f"import posix; posix.close(posix.open({str(tmp_path / 'mark')!r}, {os.O_CREAT}))\n"  # works before open does
    )
    packages = tmp_path / "home" / ".local" / "lib" / f"python{PYTHON}" / "site-packages"
    for directory in (tmp_path / "poison", packages):
        directory.mkdir(parents=True)
        for name in POISONED:
            (directory / f"{name}.py").write_text(mark)
        (directory / "poison.pth").write_text(mark)
    (tmp_path / "poison" / "startup.py").write_text(mark)
    return tmp_path


def poisoned(poison: Path) -> Mapping[str, str]:
    directory = str(poison / "poison")
    return {
        "HOME": str(poison / "home"),
        "PYTHONPATH": directory,
        "PYTHONHOME": directory,
        "PYTHONSTARTUP": f"{directory}/startup.py",
        "PYTHONUSERBASE": str(poison / "home" / ".local"),
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
    }


def test_nobody_decides_what_is_imported(tree: Path, poison: Path) -> None:
    settings = poison / "logpost.toml"
    settings.write_text("")
    for arguments in (["--version"], ["config", "check", "--config", str(settings)]):
        run(tree / "bin" / "logpost", *arguments, cwd=poison / "poison", environment=poisoned(poison))
    assert not (poison / "mark").exists()


def test_an_ordinary_python_takes_the_poison(poison: Path) -> None:
    """Else the test above would show nothing."""
    environment = {"PYTHONPATH": poisoned(poison)["PYTHONPATH"]}
    subprocess.run([sys.executable, "-c", "import msgspec"], env=environment, timeout=60, check=False)
    assert (poison / "mark").exists()


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the agent's tree, that was moved to where no build had it, below names with blanks and of 200 signs."""
    tree = place("agent", NATIVE)
    if not tree.exists():
        pytest.skip("no tree of the agent: make package")
    top = tmp_path_factory.mktemp("moved")
    shutil.copytree(tree, top / "first")
    there = top / "of an administrator's own" / ("n" * 200)
    there.parent.mkdir()
    (top / "first").rename(there)
    return there


def test_it_runs_where_it_was_moved(moved: Path, tmp_path: Path) -> None:
    assert run(moved / "bin" / "logpost", "--version", cwd=tmp_path, environment={}) == f"logpost {version()}\n"


def test_it_runs_by_a_link_to_the_program_and_to_the_tree(moved: Path, tmp_path: Path) -> None:
    (tmp_path / "called otherwise").symlink_to(moved / "bin" / "logpost")
    (tmp_path / "tree").symlink_to(moved)
    for program in (tmp_path / "called otherwise", tmp_path / "tree" / "bin" / "logpost"):
        assert run(program, "--version", cwd=tmp_path, environment={}).startswith("logpost ")


def test_it_starts_itself_as_python_programs_do(moved: Path, tmp_path: Path) -> None:
    own = run(moved / "bin" / "logpost", "-m", "logpost", "--version", cwd=tmp_path, environment={})
    assert own == f"logpost {version()}\n"


def test_what_was_compiled_for_it_is_what_runs(moved: Path, tmp_path: Path) -> None:
    """Also when times of files changed on the way: a copy by `cp` has others than the tree that was compiled."""
    source = moved / "lib" / f"python{PYTHON}" / "site-packages" / "logpost" / "units.py"
    source.write_text("this is no Python")
    (tmp_path / "logpost.toml").write_text("")
    run(moved / "bin" / "logpost", "config", "check", "--config", "logpost.toml", cwd=tmp_path, environment={})


def state(tree: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path): (status.st_mode, status.st_size, status.st_mtime_ns)
        for path in [tree, *tree.rglob("*")]
        for status in [path.lstat()]
    }


def test_it_writes_nothing_into_itself(tree: Path, tmp_path: Path) -> None:
    before = state(tree)
    (tmp_path / "logpost.toml").write_text("")
    for arguments in (["--help"], ["--version"], ["config", "print", "--config", "logpost.toml"], ["agent", "--help"]):
        run(tree / "bin" / "logpost", *arguments, cwd=tmp_path, environment=os.environ)
    assert state(tree) == before


def test_the_box_has_every_command_and_the_agent_what_it_can_carry_out(
    agent_tree: Path, box_tree: Path, tmp_path: Path
) -> None:
    helps = [run(one / "bin" / "logpost", "--help", cwd=tmp_path, environment={}) for one in (agent_tree, box_tree)]
    of_agent, of_box = ({line.split()[0] for line in text.splitlines() if line.startswith("    ")} for text in helps)
    assert {"agent", "config", "topics"} <= of_agent < of_box
    assert {"up", "broker", "web", "search", "store"} <= of_box - of_agent
