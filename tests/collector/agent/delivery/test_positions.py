"""The positions file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from logpost.agent.delivery.positions import Host, PositionsFile
from logpost.errors import StartError

VERSION_1 = (
    b'{"version":1,"machine":"m1","files":[{"id":"s1","path":"/x.log","device":1,"inode":2,"offset":7,'
    b'"fingerprint":{"head_length":0,"head":"","tail_length":0,"tail":""},"seen":1795000000}],'
    b'"journal":{"id":"j","cursor":"c","entries":3}}'
)


def cursor(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def saved(path: Path, source: str, host: Host = Host()) -> object:  # noqa: B008 - it is frozen
    """What a start finds."""
    return PositionsFile(path, host).place(source).read(object)


def test_what_is_saved_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    PositionsFile(path).save({"file": cursor([1, 2]), "journal": cursor({"at": "c"})})
    assert (saved(path, "file"), saved(path, "journal")) == ([1, 2], {"at": "c"})
    assert [path.name for path in tmp_path.iterdir()] == ["positions.json"]


def test_the_first_start_has_no_positions(tmp_path: Path) -> None:
    place = PositionsFile(tmp_path / "positions.json").place("file")
    assert (place.cursor, place.saved_ns, place.read(object), place.original) == (None, None, None, "")


def test_a_source_that_is_not_configured_any_more_keeps_its_cursor(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    PositionsFile(path).save({"file": cursor(1), "syslog of a later release": cursor({"x": [1]})})
    PositionsFile(path).save({"file": cursor(2)})
    assert (saved(path, "file"), saved(path, "syslog of a later release")) == (2, {"x": [1]})


def test_positions_of_version_1_are_those_of_two_sources(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(VERSION_1)
    file = PositionsFile(path, Host(machine="m1"))
    files = file.place("file").read(list[dict[str, object]])
    assert files is not None and (files[0]["id"], files[0]["offset"]) == ("s1", 7)
    assert file.place("journal").read(object) == {"id": "j", "cursor": "c", "entries": 3}
    file.save({"journal": cursor({"id": "j", "cursor": "d", "entries": 4})})
    assert msgspec.json.decode(path.read_bytes())["version"] == 2
    assert PositionsFile(path, Host(machine="m2")).place("file").original == "another machine"
    assert PositionsFile(path, Host(machine="m1", name="any")).place("file").original == ""
    assert saved(path, "file", Host(machine="m1")) == files


@pytest.mark.parametrize("content", [b'{"version":1,"files":[],"journal":null}', b'{"files":[]}', b"{}"])
def test_version_1_without_a_journal_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "positions.json").write_bytes(content)
    file = PositionsFile(tmp_path / "positions.json")
    assert (file.place("file").read(list[int]), file.place("journal").cursor) == ([], None)


@pytest.mark.parametrize("content", [b'{"version":3}', b'{"version":3,"more":1,"sources":[{"id":"x"}]}'])
def test_positions_of_another_release_are_not_called_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "positions.json").write_bytes(content)
    with pytest.raises(StartError, match=r"have version 3; this logpost knows 2: use the release that wrote them$"):
        PositionsFile(tmp_path / "positions.json")


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"file":3}', b'{"version":2}', b'{"version":2,"sources":{"file":1}}', b"\xff"]
)
def test_a_damaged_file_stops_the_start_and_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(content)
    with pytest.raises(StartError, match=r"positions\.json"):
        PositionsFile(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"3", b'[{"x":1}]', b'["\xff"]'])
def test_a_damaged_cursor_stops_the_start(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(b'{"version":2,"sources":{"file":{"cursor":' + content + b"}}}")
    with pytest.raises(StartError, match=r"positions\.json are damaged .*move the file away"):
        PositionsFile(path).place("file").read(list[str])


def test_nothing_is_written_when_nothing_changed(tmp_path: Path) -> None:
    file = PositionsFile(tmp_path / "positions.json")
    file.save({"file": cursor([1])})
    before = (tmp_path / "positions.json").stat()
    file.save({"file": cursor([1])})
    file.save({})
    assert (tmp_path / "positions.json").stat().st_ino == before.st_ino


UNKNOWN, WEB_1, RENAMED = Host(), Host(machine="a", name="web-1"), Host(machine="a", name="web-2")
CLONE, COPY = Host(machine="b", name="web-1"), Host(machine="b", name="web-2")


@pytest.mark.parametrize(
    ("before", "now", "original", "then"),
    [
        (WEB_1, WEB_1, "", WEB_1),
        (WEB_1, CLONE, "another machine", CLONE),
        (WEB_1, RENAMED, "host web-1", RENAMED),  # an image has one machine id, and so have all its copies
        (WEB_1, COPY, "host web-1", COPY),
        (UNKNOWN, WEB_1, "", WEB_1),
        (WEB_1, UNKNOWN, "", WEB_1),
        (UNKNOWN, UNKNOWN, "", UNKNOWN),
        (Host(name="web-1"), Host(name="web-2"), "host web-1", Host(name="web-2")),  # containers have no machine id
        (Host(machine="a"), WEB_1, "", WEB_1),  # as the releases before saved it
        (Host(machine="a"), COPY, "another machine", COPY),
    ],
)
def test_positions_are_of_another_host_where_its_id_or_its_name_differ(
    tmp_path: Path, before: Host, now: Host, original: str, then: Host
) -> None:
    path = tmp_path / "positions.json"
    PositionsFile(path, before).save({"file": cursor(1)})
    file = PositionsFile(path, now)
    assert file.place("file").original == original
    file.save({"file": cursor(1)})
    entry = msgspec.json.decode(path.read_bytes())["sources"]["file"]
    assert Host(machine=entry.get("machine", ""), name=entry.get("host", "")) == then


def test_a_source_that_is_configured_again_later_is_still_of_the_other_host(tmp_path: Path) -> None:
    path = tmp_path / "positions.json"
    PositionsFile(path, WEB_1).save({"file": cursor(1), "journal": cursor(1)})
    PositionsFile(path, RENAMED).save({"file": cursor(2)})
    later = PositionsFile(path, RENAMED)
    assert [later.place(source).original for source in ("file", "journal")] == ["", "host web-1"]
