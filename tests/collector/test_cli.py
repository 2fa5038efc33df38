"""How every command ends when its output, its streams, its arguments or its directory cannot be used."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from logpost.cli import SUMMARIES
from logpost.installed import entry_points

LOGPOST = (sys.executable, "-m", "logpost")
PRINT = (*LOGPOST, "config", "print")
AS_ANY_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root without the right to look into everything."""


def run(command: Sequence[str | bytes], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, text=True, capture_output=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    ("arguments", "none"),
    [
        (["--version"], "confluent_kafka logpost.formats importlib.metadata"),
        (
            ["--help"],
            "logpost.supervisor.command logpost.agent.command logpost_web.store_command logpost_broker.command",
        ),
        (["status"], "confluent_kafka logpost.formats importlib.metadata"),
        (["agent", "--help"], "logpost.supervisor logpost_web.command importlib.metadata prometheus_client"),
        (["search", "--help"], "confluent_kafka logpost.formats logpost_web.command"),
    ],
    ids=str,
)
def test_a_command_loads_no_code_of_others(arguments: list[str], none: str, tmp_path: Path) -> None:
    code = "import sys, logpost.cli as cli\ntry: cli.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = run([sys.executable, "-c", code, *arguments], env={**os.environ, "LOGPOST_DATA": str(tmp_path)})
    assert done.returncode == 0
    assert done.stdout
    assert not set(none.split()) & set(done.stderr.split())


def test_the_list_of_commands_has_all_that_are_installed() -> None:
    said = run([*LOGPOST, "--help"]).stdout
    assert re.findall(r"^    ([a-z]+)  ", said, re.MULTILINE) == [*entry_points("logpost.commands")] == [*SUMMARIES]
    text = " ".join(said.split())
    assert [name for name, summary in SUMMARIES.items() if summary not in text] == []
    assert SUMMARIES["status"] in " ".join(run([*LOGPOST, "status", "--help"]).stdout.split())


def test_a_command_that_is_unknown_is_told_which_there_are() -> None:
    done = run([*LOGPOST, "serve"])
    assert done.returncode == 2
    said = done.stderr.replace("'", "")  # some releases of Python quote them all
    assert "invalid choice: serve (choose from agent, backup, broker, " in said


def test_a_reader_that_goes_away_ends_it_in_order() -> None:
    """`logpost … | head -1` in a script that looks at all of a pipe's exit statuses."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(PRINT, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_that_is_full_is_named() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(PRINT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "logpost: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(closed: str) -> None:
    done = run(["sh", "-c", f'exec "$@" {closed}', "sh", *PRINT])
    assert (done.returncode, done.stderr) == (0, "")


def test_an_argument_that_is_no_text_is_refused() -> None:
    done = run([*LOGPOST, "search", b"caf\xe9"])
    assert done.returncode == 2
    assert done.stderr.endswith("error: argument QUERY: 'caf\\udce9' is not UTF-8\n")


@pytest.mark.parametrize("arguments", [["search", "支付"], ["topics", "list"]])
def test_a_terminal_that_is_not_utf_8(arguments: list[str]) -> None:
    """The server is away; what was typed was understood."""
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C", "PATH": os.environ["PATH"]}
    ascii_only |= {"LOGPOST_WEB_PORT": "1", "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": "localhost:1"}
    done = run([*LOGPOST, *arguments], env=ascii_only)
    assert "Connection refused" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_data_directory_may_be_named_by_any_bytes(tmp_path: Path) -> None:
    done = run([*PRINT, b"--data", os.fsencode(tmp_path) + b"/caf\xe9"])
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, of util-linux")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["broker"], 1),
        (["broker", "verify"], 2),
        (["web"], 1),
        (["up"], 1),
        (["store", "check"], 1),
    ],
    ids=str,
)
def test_a_directory_that_may_not_be_looked_into_is_named(arguments: list[str], status: int, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("broker", "store", "agent", "log"):
        (data / name).mkdir(parents=True)
    ports = {f"LOGPOST_{name}_PORT": "0" for name in ("BROKER", "WEB", "AGENT_METRICS", "BROKER_METRICS")}
    command = [*AS_ANY_USER, *LOGPOST, *arguments, "--data", str(data)]
    data.chmod(0)
    try:
        done = run(command, env={**os.environ, **ports})
    finally:
        data.chmod(0o700)
    assert done.returncode == status
    assert done.stderr.startswith("logpost: cannot ")
    assert f"{data}/" in done.stderr
    assert "Permission denied" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_file_of_another_user_is_named_with_what_mends_it(tmp_path: Path) -> None:
    """As root leaves one behind that runs the service once by hand."""
    file = tmp_path / "agent" / "positions.json"
    file.parent.mkdir()
    file.write_text("{}")
    file.chmod(0o600)
    os.chown(file, 65_534, 65_534)
    done = run([*AS_ANY_USER, *LOGPOST, "agent", "--host-logs", "--data", str(tmp_path)])
    mends = f": {file} belongs to another user; as root: chown 0 {file}"
    assert (done.returncode, done.stderr) == (
        1,
        f"logpost: cannot read the agent's positions {file}: Permission denied{mends}\n",
    )
