from pathlib import Path

import pytest

from bundle import checks
from bundle.elf import Elf
from bundle.places import BUILD, NATIVE, TARGETS


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree without a fault."""
    tree = tmp_path / "tree"
    for name in ("bin/logpost", "lib/python3.13/os.py", "lib/python3.13/__pycache__/os.cpython-313.pyc"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("")
        (tree / name).chmod(0o755 if name.startswith("bin/") else 0o644)
    return tree


def faults(tree: Path) -> list[str]:
    return checks.faults(tree, NATIVE)


def test_a_tree_without_fault(tree: Path) -> None:
    assert faults(tree) == []


def test_a_file_that_names_the_place_of_the_build(tree: Path) -> None:
    (tree / "lib" / "notes").write_text(f"prefix={BUILD}/work")
    assert f"lib/notes: names {BUILD}" in faults(tree)


def test_a_module_that_python_would_compile_at_each_start(tree: Path) -> None:
    (tree / "lib/python3.13/new.py").write_text("")
    assert faults(tree) == ["lib/python3.13/new.py: is not compiled"]


def test_links_modes_and_empty_directories(tree: Path) -> None:
    (tree / "bin/python").symlink_to("logpost")
    (tree / "lib/python3.13/os.py").chmod(0o664)
    (tree / "lib/empty").mkdir()
    assert faults(tree) == [
        "lib/empty: is empty",
        "bin/python: is no regular file",
        "lib/python3.13/os.py: has mode 664",
    ]


def found(elf: Elf) -> list[str]:
    return list(checks._of_elf(elf, TARGETS["amd64"], {"librdkafka.so.1"}))


ASKED = [
    (Elf("aarch64"), "is for aarch64"),
    (Elf("x86_64", needed=["libssl.so.3"]), "needs libssl.so.3, which hosts may not have"),
    (Elf("x86_64", versions={"libc.so.6": ["GLIBC_2.34"]}), "needs GLIBC 2.34"),
    (Elf("x86_64", versions={"libstdc++.so.6": ["GLIBCXX_3.4.30"]}), "needs GLIBCXX 3.4.30"),
    (Elf("x86_64", paths=["$ORIGIN/../x.libs:/opt/x"]), "looks for libraries in $ORIGIN/../x.libs:/opt/x"),
    (Elf("x86_64", executable_stack=True), "asks for an executable stack"),
]


@pytest.mark.parametrize(("elf", "fault"), ASKED)
def test_what_a_host_may_not_have(elf: Elf, fault: str) -> None:
    assert found(elf) == [fault]


def test_what_every_host_has_and_the_tree_itself() -> None:
    versions = {"libc.so.6": ["GLIBC_2.28"], "libstdc++.so.6": ["GLIBCXX_3.4.21"]}
    asked = Elf("x86_64", needed=["libc.so.6", "librdkafka.so.1"], versions=versions, paths=["$ORIGIN/../x.libs"])
    assert found(asked) == []
