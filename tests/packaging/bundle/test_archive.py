import os
import tarfile
from pathlib import Path

from bundle import archive

NOON = 1_800_000_000


def test_one_tree_gives_the_same_bytes_whoever_packs_it_and_when(tmp_path: Path) -> None:
    packed = []
    for number, order in enumerate((["a", "b"], ["b", "a"])):
        tree = tmp_path / str(number)
        (tree / "bin").mkdir(parents=True)
        for name in order:
            (tree / "bin" / name).write_text(name)
            os.utime(tree / "bin" / name, (number, number))
        path = tmp_path / f"{number}.tar.gz"
        archive.pack(tree, "logpost-1", path, NOON)
        packed.append(path.read_bytes())
    assert packed[0] == packed[1]


def test_everything_is_in_one_directory_and_belongs_to_root(tmp_path: Path) -> None:
    (tmp_path / "tree" / "bin").mkdir(parents=True)
    (tmp_path / "tree" / "bin" / "logpost").write_text("")
    archive.pack(tmp_path / "tree", "logpost-1", tmp_path / "one.tar.gz", NOON)
    with tarfile.open(tmp_path / "one.tar.gz") as packed:
        members = packed.getmembers()
    assert [member.name for member in members] == ["logpost-1", "logpost-1/bin", "logpost-1/bin/logpost"]
    assert {(member.uid, member.uname, member.gname, member.mtime) for member in members} == {(0, "root", "root", NOON)}
