"""What is held against a package that was made: each rule finds what it is there for."""

from __future__ import annotations

import io
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from packages.contents import Contents, Entry, contents, unpack
from packages.recipe import AGENT, CONFIGURATION, SCRIPTS
from packages.rules import faults

EPOCH = 1_700_000_000
SCRIPT = '#!/bin/sh\ncase "$1" in\n    *) exit 0 ;;\nesac\n'


def file(path: str, mode: int = 0o644, group: str = "root") -> Entry:
    return Entry(path, stat.S_IFREG | mode, "root", group, 10, EPOCH)


def directory(path: str) -> Entry:
    return Entry(path, stat.S_IFDIR | 0o755, "root", "root", 0, EPOCH)


UNIT = f"/usr/lib/systemd/system/{AGENT.unit}"
GOOD = Contents(
    entries=(
        directory("/etc"),
        directory("/etc/logpost"),
        file(CONFIGURATION, 0o640, "logpost-agent"),
        file(UNIT),
        file("/usr/lib/logpost/0.1.0/bin/logpost", 0o755),
        file("/usr/share/doc/logpost-agent/configuration.md"),
    ),
    kept=frozenset({CONFIGURATION}),
    scripts=dict.fromkeys(SCRIPTS, SCRIPT),
)


def found(changed: Contents, size: int = 100) -> list[str]:
    return faults(AGENT, changed, size=size, epoch=EPOCH)


def test_a_good_package_has_no_fault() -> None:
    assert found(GOOD) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (file("/etc/logpost/other.toml"), "files below /etc and files that upgrades leave differ"),
        (file("/etc/systemd/system/logpost.service"), "outside of what the package owns"),
        (file("/usr/lib/.build-id/ab/cdef"), "outside of what the package owns"),
        (directory("/var/lib/logpost"), "outside of what the package owns"),
        (file("/usr/lib/logpost/0.1.0/lib/x.so", 0o4755), "has mode 4755"),
        (file("/usr/lib/logpost/0.1.0/lib/x.so", 0o666), "has mode 0666"),
        (file("/usr/lib/logpost/0.1.0/lib/x.so", group="builder"), "belongs to root:builder"),
        (replace(file("/usr/lib/logpost/0.1.0/x"), time=EPOCH + 1), "is newer than the commit"),
        (replace(file("/usr/lib/logpost/0.1.0/x"), capabilities="cap_net_raw=ep"), "has capabilities"),
        (replace(file("/usr/lib/logpost/0.1.0/x"), size=61_000_000), "installed it has 61.0 MB, more than 60"),
        (file("/usr/lib/systemd/system/logpost-web.service"), "units are"),
    ],
    ids=lambda value: value.path if isinstance(value, Entry) else "",
)
def test_an_entry_that_must_not_be_there(entry: Entry, fault: str) -> None:
    assert any(fault in line for line in found(replace(GOOD, entries=(*GOOD.entries, entry))))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        (replace(GOOD, kept=frozenset()), "is not kept"),
        (replace(GOOD, kept=GOOD.kept | {UNIT}), "upgrades leave differ"),
        (replace(GOOD, scripts={"postinst": SCRIPT}), "scripts are ['postinst']"),
        (replace(GOOD, scripts=GOOD.scripts | {"prerm": "#!/bin/sh\nexit 0\n"}), "does not look at its argument"),
        (replace(GOOD, scripts=GOOD.scripts | {"postrm": SCRIPT + "chown -R a /b\n"}), "postrm uses chown"),
        (replace(GOOD, scripts=GOOD.scripts | {"postrm": SCRIPT + "userdel logpost\n"}), "postrm uses userdel"),
        (replace(GOOD, provides=("libssl.so.3",)), "it provides libssl.so.3"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_package_must_not_say(changed: Contents, fault: str) -> None:
    assert any(fault in line for line in found(changed))


def test_a_package_that_is_too_large() -> None:
    assert found(GOOD, size=25_100_000) == ["the package has 25.1 MB, more than 25"]


def packed(members: dict[str, tuple[str, int, str]]) -> bytes:
    """A tar archive: name → text, mode, group."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:xz") as archive:
        for name, (text, mode, group) in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(text), mode, EPOCH
            member.uname, member.gname = "root", group
            archive.addfile(member, io.BytesIO(text.encode()))
    return raw.getvalue()


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    control = {
        "./control": ("Package: logpost\nProvides: logpost-agent (= 1)\n", 0o644, "root"),
        "./conffiles": (f"{CONFIGURATION}\n", 0o644, "root"),
        "./postinst": (SCRIPT, 0o755, "root"),
    }
    data = {f".{CONFIGURATION}": ("# settings\n", 0o640, "logpost-agent")}
    path = tmp_path / "logpost.deb"
    bodies = {"debian-binary": b"2.0\n", "control.tar.xz": packed(control), "data.tar.xz": packed(data)}
    with path.open("wb") as out:
        out.write(b"!<arch>\n")
        for name, body in bodies.items():
            out.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode())
            out.write(body + b"\n" * (len(body) % 2))
    return path


def test_a_deb_is_read_without_its_tools(deb: Path, tmp_path: Path) -> None:
    read = contents(deb)
    assert read.entries == (
        Entry(CONFIGURATION, stat.S_IFREG | 0o640, "root", "logpost-agent", len("# settings\n"), EPOCH),
    )
    assert read.kept == {CONFIGURATION}
    assert read.scripts == {"postinst": SCRIPT}
    assert read.provides == ("logpost-agent (= 1)",)
    unpack(deb, tmp_path / "out")
    assert (tmp_path / "out" / CONFIGURATION.lstrip("/")).read_text() == "# settings\n"


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x\.zip is no deb, rpm or apk"):
        contents(tmp_path / "x.zip")
