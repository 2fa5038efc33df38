"""README and docs say what is true: their programs run, their configurations load, their queries parse, their links
lead somewhere, and every setting that they name exists."""

import ast
import os
import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from logpost.cli import command_parser
from logpost.config import DEFAULTS, SHORT_KEYS, Config, load, settings
from logpost.config.tree import unit_of
from logpost.query.syntax import parse
from logpost.units import written
from logpost_broker import Broker
from tests.test_layers import PACKAGES, ROOMS, modules, package_of

ROOT = Path(__file__).parent.parent
FOLDERS = ("bench", "packaging")
"""Each with a page of its own."""
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
    + [ROOT / folder / "README.md" for folder in FOLDERS]
)
PAGES_OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md" and page.parent.name != "decisions"]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def names(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_configurations_load(page: Path, tmp_path: Path) -> None:
    for text in blocks(page, "toml"):
        file = tmp_path / "logpost.toml"
        file.write_text(text)
        load(file, {})


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_settings_and_files_that_are_named_exist(page: Path) -> None:
    known = settings(Config()).keys() | SHORT_KEYS.keys()
    tables = "broker|kafka|agent|store|web"
    named = re.findall(rf"`((?:{tables})\.[a-z_]+)`", page.read_text())
    assert {name for name in named if name not in known and not name.endswith(".py")} == set()


def test_files_and_folders_of_the_architecture_exist() -> None:
    assert len(paths_in(ARCHITECTURE)) > 60
    assert {
        name for name in paths_in(ARCHITECTURE) if not (ROOT / name).exists() and not is_in_a_package(name)
    } == set()


def test_files_that_a_folder_names_exist() -> None:
    said = {name for file in modules().values() if file.name == "__init__.py" for name in paths_in(docstring(file))}
    assert len(said) > 60
    assert {name for name in said if not is_in_a_package(name)} == set()


def test_every_module_says_what_it_is() -> None:
    assert [name for name, file in modules().items() if not docstring(file)] == []


def paths_in(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_/]+\.(?:py|lark)|(?:[a-z_]+/)+)`", text))


def is_in_a_package(name: str) -> bool:
    return any(any(directory.parent.rglob(name)) for directory in PACKAGES.values())


def test_every_folder_says_what_it_is_as_the_architecture_does() -> None:
    """And in the order of the table in `test_layers.py`, which is that of imports."""
    said = re.findall(r"^\| `([a-z_/]+)/` \| (.+) \|$", ARCHITECTURE, flags=re.MULTILINE)
    folders = [room for room in ROOMS if modules()[room].name == "__init__.py" and room != package_of(room)]
    assert said == [(room.partition(".")[2].replace(".", "/"), first_paragraph(modules()[room])) for room in folders]


def first_paragraph(file: Path) -> str:
    return " ".join(docstring(file).split("\n\n")[0].split())


def docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text())) or ""


def test_every_setting_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = dict(re.findall(r"^\| `([a-z_.]+)` \| `(.*?)` \|", page, flags=re.MULTILINE))
    assert documented == {key: msgspec.json.encode(value).decode() for key, value in settings(Config()).items()}


def test_every_short_name_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = re.findall(r"^\| `([a-z_.]+) = \"(.*?)\"` \| `([a-z_.]+)` \|", page, flags=re.MULTILINE)
    assert sorted(documented) == sorted(
        (short, written(Fraction(str(DEFAULTS[key])), unit_of(key)), key)
        for short, keys in SHORT_KEYS.items()
        for key in keys
    )


def test_readme_programs_run(broker: Broker) -> None:
    programs = blocks(ROOT / "README.md", "python")
    assert len(programs) == 2
    for program in programs:
        here = program.replace('"bootstrap.servers": "localhost"', f'"bootstrap.servers": "{broker.bootstrap_servers}"')
        environment = {**os.environ, "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
        subprocess.run([sys.executable, "-c", here], check=True, env=environment, timeout=60)


def test_readme_queries_are_understood() -> None:
    queries = re.findall(r"^\| `([^`]+)` \|", README, flags=re.MULTILINE)
    queries += re.findall(r"logpost search '([^']+)'", README)
    assert len(queries) >= 6
    for query in queries:
        parse(query)


def commands(page: Path) -> list[str]:
    """The arguments of each `logpost …` in a page's code, without what a shell does with it."""
    text = page.read_text().replace("\\|", "|")
    fenced = "".join(re.findall(r"^```sh\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    code = [*fenced.splitlines(), *(" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose))]
    found = (re.search(r"(?:^|[ /])logpost (?!is up)([a-z-].*)", line) for line in code)
    return [re.split(r" (?:#|&&|\||>|2>)", one[1])[0] for one in found if one]


@pytest.mark.parametrize("page", PAGES_OF_TODAY, ids=names(PAGES_OF_TODAY))
def test_commands_that_are_named_exist_with_their_options(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unknown = []
    for command in commands(page):
        try:
            command_parser().parse_args(shlex.split(command))
        except SystemExit:
            said = capsys.readouterr().err
            if "arguments are required" not in said:  # prose names a command without its arguments
                unknown.append(f"logpost {command}: {said.rpartition('error: ')[2]}")
    assert unknown == []


def test_commands_are_found_in_the_pages() -> None:
    found = [command for page in PAGES_OF_TODAY for command in commands(page)]
    assert len(found) > 40
    assert "search 'level:error service:shop \"is late\"' --since 1h" in found
    assert "topics produce letters" in found


def test_readme_targets_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z]+)", README, flags=re.MULTILINE))
    assert {"up", "test"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)] == []
