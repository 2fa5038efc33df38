"""What a host and the box cost while nothing is written: memory, processor, wake-ups, of each part.

    python -m bench.idle [--seconds 600] [--files 20] [--only agent] [--program /usr/bin/logpost]

Each part is started as its unit starts it: with the unit's environment and nothing else, and with somebody who listens
to its notices. The files have been read when the time begins. Peers that are on the PATH (vlagent beside victoria-logs,
rsyslogd with omkafka) read the same files.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.usage import Usage, tree, usage_of_one
from tests.support.processes import broker_part, free_port
from tests.support.systemd import NotifySocket
from tests.support.units import UNITS, settings

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WATCH_SECONDS = 60.0
SETTLE_SECONDS = 20.0
"""From ready until the time begins: what was in the files is read, acknowledged and indexed."""
LINES = 1000
READY_SECONDS = 120.0
END_SECONDS = 60.0

Processes = dict[str, int]
"""What they are → pid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Where one run has its files, and what runs it."""

    directory: Path
    program: Sequence[str]

    @property
    def logs(self) -> str:
        return f"{self.directory}/logs/*.log"

    def configuration(self, lines: Mapping[str, Sequence[str]]) -> Path:
        """`lines`: by table."""
        file = self.directory / "logpost.toml"
        tables = "".join(f"[{name}]\n" + "".join(f"{line}\n" for line in found) for name, found in lines.items())
        file.write_text(f'{tables}[[agent.source]]\ntype = "file"\npaths = ["{self.logs}"]\n')
        return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """What a process has used in `seconds`."""

    name: str
    seconds: float
    before: Usage
    after: Usage

    @property
    def row(self) -> str:
        cpu = 100 * (self.after.cpu_seconds - self.before.cpu_seconds) / self.seconds
        wakeups = (self.after.wakeups - self.before.wakeups) / self.seconds
        after = self.after
        return (
            f"| {self.name} | {after.resident_mb:.1f} | {after.proportional_mb:.1f} | {after.peak_mb:.1f} "
            f"| {cpu:.2f} | {wakeups:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--only", choices=sorted(SUBJECTS), help="one row, or the rows of one")
    parser.add_argument("--program", default="", help="an installed logpost (default: the one of this Python)")
    options = parser.parse_args()
    program = [options.program] if options.program else [sys.executable, "-m", "logpost"]
    print(f"{options.files} quiet files, {options.seconds:g} s\n")
    print("| | resident, MiB | its share, MiB | peak, MiB | CPU, % | wake-ups/s |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name, subject in SUBJECTS.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="logpost-bench-") as directory:
                host = Host(directory=Path(directory), program=program)
                write_logs(host.directory / "logs", options.files)
                with subject(host) as processes:
                    measure(processes, options.seconds)


def write_logs(directory: Path, files: int) -> None:
    directory.mkdir()
    line = "2026-11-30T12:00:00.000Z INFO shop.orders: order 4711 of customer 12 was paid in 17 ms\n"
    for number in range(files):
        (directory / f"shop-{number}.log").write_text(line * LINES)


def measure(processes: Processes, seconds: float) -> None:
    time.sleep(SETTLE_SECONDS)
    begun = time.monotonic()
    before = {name: usage_of_one(pid) for name, pid in processes.items()}
    time.sleep(seconds)
    elapsed = time.monotonic() - begun
    for name, pid in processes.items():
        print(Idle(name=name, seconds=elapsed, before=before[name], after=usage_of_one(pid)).row, flush=True)


@contextlib.contextmanager
def agent(host: Host) -> Iterator[Processes]:
    """Alone, beside a broker that is not counted."""
    with broker_part(host.directory / "elsewhere") as broker:
        file = host.configuration({"kafka": [f'bootstrap_servers = "{broker.servers}"']})
        with started(host, "logpost-agent", file, "agent.metrics_port") as pid:
            yield {"agent": pid}


@contextlib.contextmanager
def box(host: Host) -> Iterator[Processes]:
    file = host.configuration({})
    with started(host, "logpost", file, "broker.port", "broker.metrics_port", "web.port", "agent.metrics_port") as pid:
        yield {"box: supervisor": pid} | {f"box: {part_of(child)}": child for child in tree(pid)[1:]}


def part_of(pid: int) -> str:
    """By its command: `… -m logpost NAME …`, else the name of its program."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return next((word for word in words if word in ("broker", "web", "agent")), Path(words[0]).name)


@contextlib.contextmanager
def started(host: Host, unit: str, configuration: Path, *ports: str) -> Iterator[int]:
    """The unit's command, with its environment; each of these `ports` is a free one."""
    found = settings(UNITS / f"{unit}.service")
    [command] = found["Service.ExecStart"]
    options = ["--config", str(configuration), "--data", f"{host.directory}/data"]
    environment = {"PATH": PATH, "LANG": "C.UTF-8"}
    environment |= dict(line.split("=", 1) for line in found["Service.Environment"])
    environment |= {"LOGPOST_" + key.replace(".", "_").upper(): str(free_port()) for key in ports}
    with contextlib.ExitStack() as opened:
        systemd = opened.enter_context(NotifySocket(WATCH_SECONDS))
        arguments = [*host.program, *command.split()[1:], *options]
        process = opened.enter_context(running(arguments, environment | systemd.environment, host.directory / "said"))
        systemd.await_notice("READY", seconds=READY_SECONDS)
        yield process.pid


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], said: Path) -> Iterator[subprocess.Popen[bytes]]:
    with said.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
        assert process.poll() is None, said.read_text()
    finally:
        process.terminate()
        process.wait(END_SECONDS)


@contextlib.contextmanager
def vlagent(host: Host) -> Iterator[Processes]:
    """Beside a victoria-logs, which is a box without a broker."""
    programs = [shutil.which(name) for name in ("vlagent", "victoria-logs")]
    if None in programs:
        yield {}
        return
    port, own_port, data = free_port(), free_port(), host.directory
    (data / "vlagent").mkdir()
    server = [str(programs[1]), f"-storageDataPath={data}/vl", f"-httpListenAddr=127.0.0.1:{port}"]
    sender = [
        str(programs[0]),
        f"-httpListenAddr=127.0.0.1:{own_port}",
        f"-fileCollector.glob={host.logs}",
        f"-remoteWrite.url=http://127.0.0.1:{port}/internal/insert",
        f"-tmpDataPath={data}/vlagent",
        f"-remoteWrite.tmpDataPath={data}/vlagent-remote",
    ]
    environment = {"PATH": PATH}
    with (
        running(server, environment, data / "victoria-logs.said") as receiving,
        running(sender, environment, data / "vlagent.said") as sending,
    ):
        yield {"vlagent": sending.pid, "victoria-logs": receiving.pid}


@contextlib.contextmanager
def rsyslog(host: Host) -> Iterator[Processes]:
    program = shutil.which("rsyslogd")
    if program is None:
        yield {}
        return
    with broker_part(host.directory / "elsewhere") as broker:
        file = host.directory / "rsyslog.conf"
        file.write_text(
            f'global(workDirectory="{host.directory}")\nmodule(load="imfile")\nmodule(load="omkafka")\n'
            f'input(type="imfile" file="{host.logs}" tag="shop" startmsg.regex="^2")\n'
            f'action(type="omkafka" broker=["{broker.servers}"] topic="logs")\n'
        )
        command = [program, "-n", "-f", str(file), "-i", f"{host.directory}/rsyslog.pid"]
        with running(command, {"PATH": os.environ["PATH"]}, host.directory / "rsyslog.said") as process:
            yield {"rsyslogd": process.pid}


Subject = Callable[[Host], contextlib.AbstractContextManager[Processes]]
SUBJECTS: dict[str, Subject] = {"agent": agent, "box": box, "vlagent": vlagent, "rsyslog": rsyslog}

if __name__ == "__main__":
    main()
