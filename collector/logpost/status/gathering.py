"""Where the status comes from: `/proc`, the metrics of the parts, the web's answers, the files. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from logpost import scrape
from logpost.addresses import local_url
from logpost.config import Config
from logpost.controls import encodable
from logpost.installed import version
from logpost.processes import PARTS, STOPPED, Process, process, running, started_at, unknown
from logpost.redaction import redacted
from logpost.status.report import Disk, Error, GroupLag, Host, Lag, Part, Rates, Status, last_errors, moment, rate

BETWEEN_SECONDS = 1.0
"""Between the two looks that rates are made of."""
ANSWER_SECONDS = 10.0
LOG_BYTES = 256 * 1024
"""Of the end of each part's log."""
ERRORS = 5
WAITING_SECONDS = 60.0
COUNTERS = {
    "agent": "logpost_agent_lines_total",
    "broker": "logpost_broker_produced_bytes_total",
    "web": "logpost_indexer_rows_total",
}


@dataclass(frozen=True, slots=True)
class Look:
    """The metrics of each part, and why others gave none; each at its `seconds` of a clock that only goes forward: the
    web's may take long, and counts first."""

    metrics: Mapping[str, scrape.Samples]
    silent: Mapping[str, str]
    seconds: Mapping[str, float]

    def rate(self, part: str, since: Look) -> float | None:
        """Of what the part counts, a second."""
        if part not in self.metrics or part not in since.metrics:
            return None
        after, before = (scrape.total(look.metrics[part], COUNTERS[part]) for look in (self, since))
        return rate(before, after, self.seconds[part] - since.seconds[part])


def gather(config: Config, secrets: frozenset[str]) -> Status:
    """Takes BETWEEN_SECONDS and a little; `secrets` are not shown. Raises ConfigError."""
    data = config.data_directory()
    pids = running(data)
    found = {name: process(pid) for name, pid in pids.items() if pid is not None}
    hidden = unknown(data)
    asked = hidden | {name for name, one in found.items() if one is not None and one.state not in STOPPED}
    before = _look(config, asked)
    threading.Event().wait(BETWEEN_SECONDS)
    after = _look(config, asked - before.silent.keys())  # who hangs is not waited for twice
    after = Look(after.metrics, {**before.silent, **after.silent}, after.seconds)
    web = local_url(config.web.listen, config.web.port) if "web" in after.metrics else ""
    return Status(
        version=version(),
        at=moment(time.time()),
        data=encodable(str(data)),
        parts=[_part(name, found.get(name), after, is_hidden=name in hidden) for name in pids],
        rates=_rates(before, after),
        lag=_lag(after),
        hosts=_hosts(web),
        disk=_disk(data),
        errors=[Error(part=one.part, line=redacted(one.line, secrets)) for one in _errors(data)],
        unread=[] if pids["agent"] is None else list(_unread(config, pids["agent"], data)),
        incomplete=[redacted(reason, secrets) for reason in _reasons(web)],
    )


def _look(config: Config, asked: frozenset[str]) -> Look:
    addresses = {"web": f"{local_url(config.web.listen, config.web.port)}/metrics"}
    for part, listen, port in (
        ("agent", "localhost", config.agent.metrics_port),
        ("broker", config.broker.listen, config.broker.metrics_port),
    ):
        if port:
            addresses[part] = f"{local_url(listen, port)}/metrics"
    metrics, silent, seconds = {}, {}, {}
    for part, address in addresses.items():
        if part not in asked:
            continue
        seconds[part] = time.monotonic()
        try:
            metrics[part] = scrape.samples(address, ANSWER_SECONDS)
        except scrape.UnansweredError as error:
            silent[part] = f"{address}: {error}"
    return Look(metrics, silent, seconds)


def _part(name: str, found: Process | None, look: Look, *, is_hidden: bool) -> Part:
    if found is None:
        state = "running" if name in look.metrics else "unknown" if is_hidden else "not running"
        return Part(part=name, state=state, detail="only root sees its process" if is_hidden else "")
    state, detail = "running", ""
    waiting = scrape.total(look.metrics.get(name, {}), "logpost_agent_waiting_seconds")
    if found.state in STOPPED:
        state, detail = "stopped", f"by a signal: kill -CONT {found.pid}"
    elif name in look.silent:
        state, detail = "not answering", look.silent[name]
    elif waiting > WAITING_SECONDS:
        state, detail = "waiting", f"nothing was acknowledged for {waiting:,.0f} s: see `logpost doctor`"
    return Part(
        part=name,
        state=state,
        pid=found.pid,
        started=moment(started_at(found)),
        memory_bytes=found.memory_bytes,
        detail=detail,
    )


def _rates(before: Look, after: Look) -> Rates:
    read, produced, indexed = (after.rate(part, before) for part in ("agent", "broker", "web"))
    return Rates(read_lines_per_second=read, produced_bytes_per_second=produced, indexed_rows_per_second=indexed)


def _lag(look: Look) -> Lag:
    agent, web = look.metrics.get("agent"), look.metrics.get("web")
    groups = (web or {}).get("kafka_consumergroup_lag_sum", ())
    return Lag(
        agent_bytes=None if agent is None else int(scrape.total(agent, "logpost_agent_backlog_bytes")),
        agent_seconds=None if agent is None else scrape.total(agent, "logpost_agent_waiting_seconds"),
        indexer_records=None if web is None else int(scrape.total(web, "logpost_indexer_behind_records")),
        groups=[
            GroupLag(group=labels["consumergroup"], topic=labels["topic"], records=int(value))
            for labels, value in groups
        ],
    )


def _hosts(web: str) -> list[Host]:
    """That had lines in the last hour, by the lines' own times."""
    if not web:
        return []
    lines: dict[str, int] = {}
    last: dict[str, str] = {}
    try:
        for bar in scrape.answer(f"{web}/api/histogram?start=-1h&buckets=60&by=host", ANSWER_SECONDS)["buckets"]:
            for host, count in bar["by"].items():
                if count:
                    lines[host] = lines.get(host, 0) + count
                    last[host] = bar["start"][:16] + "Z"
    except (scrape.UnansweredError, KeyError, TypeError):
        return []  # the part says that it does not answer
    return [Host(host=host, lines=count, last_seen=last[host]) for host, count in lines.items()]


def _unread(config: Config, agent: int, data: Path) -> Iterator[str]:
    """By an agent that runs, as the doctor says it."""
    # What an agent reads with, where one runs only.
    from logpost.doctor.checks.sources import judge
    from logpost.doctor.gathering.machine import Machine
    from logpost.doctor.gathering.sources import reader, sources

    machine = Machine()
    found = sources(machine, config, agent, data, reader(machine, agent, data, unit_user=""))
    return (f"{one.detail} → {one.remedy}" for one in judge(list(found)) if one.state != "ok")


def _reasons(web: str) -> list[str]:
    try:
        return [str(one) for one in scrape.answer(f"{web}/readyz", ANSWER_SECONDS)["reasons"]] if web else []
    except (scrape.UnansweredError, KeyError, TypeError):
        return []


def _disk(data: Path) -> list[Disk]:
    found = []
    for path in (data / name for name in PARTS.values()):
        with contextlib.suppress(OSError):
            room = os.statvfs(path)
            found.append(
                Disk(
                    path=encodable(str(path)),
                    used_bytes=used_bytes(path),
                    free_bytes=room.f_bavail * room.f_frsize,
                    total_bytes=room.f_blocks * room.f_frsize,
                )
            )
    return found


def used_bytes(directory: Path) -> int | None:
    """On the disk; None where this user may not look into it."""
    if not os.access(directory, os.R_OK | os.X_OK):
        return None
    total = 0
    for place, _, files in os.walk(directory):
        for name in files:
            with contextlib.suppress(OSError):
                total += Path(place, name).lstat().st_blocks * 512
    return total


def _errors(data: Path) -> list[Error]:
    """Of `logpost up`; parts that are units say it to the journal."""
    found = []
    for part in PARTS:
        with contextlib.suppress(OSError):
            found += last_errors(part, tail(data / "log" / f"{part}.log", LOG_BYTES), ERRORS)
    return sorted(found, key=lambda error: error.line)  # each begins with its time


def tail(file: Path, size_bytes: int) -> str:
    """Whole lines at its end. Raises OSError."""
    with open(file, "rb", opener=_opened) as opened:
        start = max(0, opened.seek(0, os.SEEK_END) - size_bytes)
        opened.seek(start)
        text = opened.read(size_bytes).decode(errors="replace")
    return text.partition("\n")[2] if start else text


def _opened(path: str, flags: int) -> int:
    """Root follows no link that the user of the logs has put there."""
    return os.open(path, flags | os.O_NOFOLLOW)
