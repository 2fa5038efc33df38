"""What the packages hold, from their recipe; `python -m packages check` opens those that were made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from logpost.config import Config, load
from packages import build
from packages.recipe import AGENT, BOX, CONFIGURATION, FORMATS, PACKAGES, SCRIPTS, Format, Package, layout, recipe
from tests.test_layers import ROOT

OWNED = {
    "/etc/logpost",
    "/etc/logpost/logpost.toml",
    "/usr/bin/logpost",
    "/usr/lib/logpost",
    "/usr/lib/logpost/0.1.0",
    "/usr/share/bash-completion/completions/logpost",
    "/usr/share/fish/vendor_completions.d/logpost.fish",
    "/usr/share/man/man1",
}
"""Of both packages in each format, beside units and documentation. What ends in a directory holds files by name."""


TIME = "2026-01-01T00:00:00Z"


@pytest.fixture(params=PACKAGES.values(), ids=list(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    return found


def told(package: Package, agents: tuple[Path, ...] = ()) -> dict[str, object]:
    entries = layout(package, "0.1.0", tree=Path("/tree"), staged=Path("/staged"), agents=agents)
    made = recipe(package, "0.1.0", "amd64", layout=entries, scripts=Path("/scripts"), time=TIME)
    json.dumps(made)
    return made


def contents(package: Package, kind: Format, agents: tuple[Path, ...] = ()) -> list[dict[str, object]]:
    entries = told(package, agents)["contents"]
    assert isinstance(entries, list)
    return [entry for entry in entries if entry.get("packager", kind) == kind]


def of_format(package: Package, kind: Format) -> dict[str, object]:
    overrides = told(package)["overrides"]
    assert isinstance(overrides, dict)
    found: dict[str, object] = overrides[kind]
    return found


@pytest.mark.parametrize("kind", FORMATS)
def test_the_paths_that_a_package_owns(package: Package, kind: Format) -> None:
    zsh = "/usr/share/zsh/vendor-completions/_logpost" if kind == "deb" else "/usr/share/zsh/site-functions/_logpost"
    units = {f"/usr/lib/systemd/system/{unit}" for unit in package.units}
    units |= {f"/usr/lib/systemd/system-preset/{preset}" for preset in package.presets}
    expected = OWNED | units | {zsh, f"/usr/share/doc/{package.name}"}
    assert {entry["dst"] for entry in contents(package, kind)} == expected


@pytest.mark.parametrize("kind", FORMATS)
def test_the_settings_are_the_one_file_that_an_upgrade_leaves(package: Package, kind: Format) -> None:
    kept = [entry["dst"] for entry in contents(package, kind) if "config" in str(entry.get("type", ""))]
    assert kept == [CONFIGURATION]


def test_who_may_read_the_settings(package: Package) -> None:
    (entry,) = (entry for entry in contents(package, "deb") if entry["dst"] == CONFIGURATION)
    assert entry["file_info"] == {
        "owner": "root",
        "group": "logpost-agent",
        "mode": 0o640,
        "mtime": TIME,
    }
    assert "logpost-agent" in package.users


def test_the_shipped_settings_never_change() -> None:
    """dpkg asks where an upgrade changes a file that the administrator changed too, and an unattended one stops there.
    What is new goes into docs/configuration.md; a default needs no line here."""
    text = (ROOT / "packaging/etc/logpost.toml").read_text()
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "af6bcd8463d57e40"
    assert text.count("\n") < 15


def test_the_shipped_settings_are_the_defaults_and_its_example_is_good(tmp_path: Path) -> None:
    shipped = (ROOT / "packaging/etc/logpost.toml").read_text()
    file = tmp_path / "logpost.toml"
    file.write_text(shipped)
    assert load(file, {}).config == Config()
    file.write_text("\n".join(line[2:] for line in shipped.partition("\n\n")[2].splitlines()))
    found = load(file, {}).config
    assert found.kafka.bootstrap_servers == "logs.example.org:9092"
    assert len(found.agent.source) == 1


def test_the_box_takes_the_agents_place_in_deb_and_leaves_hosts_of_the_agent_alone_in_rpm() -> None:
    deb, rpm = of_format(BOX, "deb"), of_format(BOX, "rpm")
    assert (deb["conflicts"], deb["replaces"]) == (["logpost-agent"], ["logpost-agent"])
    assert rpm["conflicts"] == ["logpost-agent"]
    assert "replaces" not in rpm
    assert [of_format(AGENT, kind)["conflicts"] for kind in ("deb", "rpm")] == [["logpost"], ["logpost"]]


def test_the_box_holds_the_agents_packages() -> None:
    agents = (Path("/dist/logpost-agent_0.1.0_amd64.deb"), Path("/stage/SHA256SUMS"))
    held = {str(entry["dst"]) for entry in contents(BOX, "deb", agents)}
    assert {"/usr/share/logpost/agents/logpost-agent_0.1.0_amd64.deb", "/usr/share/logpost/agents/SHA256SUMS"} <= held


def test_the_box_is_the_same_wherever_the_agents_packages_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` makes them a second time in another directory than the archives'."""
    monkeypatch.setattr(build, "STAGE", tmp_path)
    sums = []
    for directories in (("dist", "dist"), ("dist", "again")):
        places = zip(directories, ("b.tar.gz", "a.deb"), strict=True)
        files = [tmp_path / directory / name for directory, name in places]
        for file in files:
            file.parent.mkdir(exist_ok=True)
            file.write_text(file.name)
        sums.append(build.with_sums(files)[-1].read_text())
    assert sums[0] == sums[1]


def test_a_package_does_not_name_the_machine_that_built_it(package: Package) -> None:
    told_of_rpm = told(package)["rpm"]
    assert isinstance(told_of_rpm, dict)
    assert told_of_rpm["buildhost"] == "localhost"


def test_every_unit_of_a_package_is_there_and_none_is_forgotten() -> None:
    assert {path.name for path in (ROOT / "systemd").glob("*.service")} == set(BOX.units)
    assert set(AGENT.units) < set(BOX.units)


def test_an_image_of_a_box_enables_one_unit_at_its_first_boot() -> None:
    """Debian's presets enable whatever no file names."""
    (preset,) = BOX.presets
    lines = (ROOT / "systemd" / preset).read_text().splitlines()
    assert {line for line in lines if not line.startswith("#")} == {
        f"disable {unit}" for unit in BOX.units if unit != BOX.unit
    }


def test_scripts_are_those_in_the_folder() -> None:
    assert {path.stem for path in (ROOT / "packaging/scripts").iterdir()} == set(SCRIPTS)
