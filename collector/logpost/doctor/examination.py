"""All checks: facts are gathered, then judged. A new check is a file in `checks/`, its facts come from one in
`gathering/`, and it gets a line here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from pathlib import Path

from logpost import processes
from logpost.config import Loaded, is_made_by_kubernetes, settings
from logpost.doctor.checks import agent as agent_check
from logpost.doctor.checks import (
    authorities,
    broker,
    clock,
    configuration,
    disk,
    groups,
    host_name,
    inotify,
    memory,
    open_files,
    parts,
    ports,
    rights,
    store,
    topic,
    versions,
)
from logpost.doctor.checks import names as names_check
from logpost.doctor.checks import sources as sources_check
from logpost.doctor.checks.result import Result
from logpost.doctor.gathering import agent, data, host, kafka, limits, listeners, names, sources, web
from logpost.doctor.gathering.machine import Machine
from logpost.redaction import secrets_in
from logpost.supervisor.plan import plan


def examine(machine: Machine, loaded: Loaded, mistakes: Sequence[str], file: Path | None) -> Iterator[Result]:
    """`loaded`: the configuration, with defaults in the place of `mistakes`; `file`: where it was read from. Looks,
    asks broker and web, and changes nothing. Raises ConfigError where it is not known where the data lies."""
    config, directory = loaded.config, loaded.config.data_directory()
    running = processes.running(directory, machine.proc)
    expected = _expected(loaded, file)
    who = sources.reader(machine, running["agent"], directory, _unit_user(expected))
    yield from configuration.judge(_configuration(loaded, mistakes, file, who))
    yield from versions.judge(host.versions(config))
    hidden = processes.unknown(directory)
    used = processes.used(directory)
    # A supervisor starts what is expected: with another Kafka no broker, although one may have run before.
    wanted = expected | hidden | (frozenset() if running["up"] else used)
    of_parts = [_part(machine, name, pid, hidden, used) for name, pid in running.items() if name in wanted or pid]
    yield from parts.judge(of_parts, restored=data.restored(directory))
    yield from ports.judge(listeners.ports(machine, config, running, expected, hidden))
    yield from rights.judge(list(data.directories(directory)))
    yield from disk.judge(list(data.file_systems(machine, config, directory)))
    yield from open_files.judge(list(limits.open_files(machine, running)))
    yield from inotify.judge(limits.inotify(machine, running["agent"]))
    yield from memory.judge(limits.memory(machine, config, running, has_web=_has_web(running, expected)))
    yield from host_name.judge(host.host_name(machine, config))
    yield from names_check.judge(list(names.names(config, has_broker="broker" in expected)))
    yield from authorities.judge(host.trusted(config.kafka))
    is_stopped = "broker" in expected and not hidden and not any(running.values())
    own = kafka.own_metrics(config) if running["broker"] or "broker" in hidden else {}
    yield from _of_the_broker(loaded, running, own, is_stopped=is_stopped)
    of_store = web.store(config, has_web=running["web"] is not None) if _has_web(running, expected) else None
    if of_store is not None:
        yield from store.judge(of_store)
    found = agent.agent(
        machine, config, directory, is_running=running["agent"] is not None, is_hidden="agent" in hidden
    )
    yield from agent_check.judge(found)
    yield from sources_check.judge(list(sources.sources(machine, config, running["agent"], directory, who)))
    ahead = {} if found.metrics is None else {"the broker's": found.metrics.get("clock_offset_seconds", 0.0)}
    if of_store is not None and not of_store.error and (of_web := web.ahead(config, machine.now)) is not None:
        ahead["the web's"] = of_web
    yield from clock.judge(_clock(machine, directory, ahead))


def _expected(loaded: Loaded, file: Path | None) -> frozenset[str]:
    """The parts that `logpost up` starts here."""
    if importlib.util.find_spec("kio") is None or importlib.util.find_spec("chdb") is None:
        return frozenset({"agent"})
    return frozenset(name for name, _ in plan(loaded, file, {}).parts)


def _unit_user(expected: Collection[str]) -> str:
    """As whom an agent of a package runs here."""
    return "logpost" if "broker" in expected or "web" in expected else "logpost-agent"


def _has_web(running: Mapping[str, int | None], expected: frozenset[str]) -> bool:
    """A web is to run here: on a host with the agent alone it is not missed."""
    return bool(running["web"] or running["up"]) or ("web" in expected and not running["agent"])


def _configuration(
    loaded: Loaded, mistakes: Sequence[str], file: Path | None, who: sources.Reader
) -> configuration.ConfigurationFacts:
    try:
        mode = 0 if file is None else file.stat().st_mode & 0o777
    except OSError:
        mode = 0
    passed_over = [
        name for name, text in os.environ.items() if name.startswith("LOGPOST_") and is_made_by_kubernetes(name, text)
    ]
    return configuration.ConfigurationFacts(
        file="" if file is None else str(file),
        mode=mode,
        has_secrets=bool(secrets_in(settings(loaded.config), {})),
        mistakes=tuple(mistakes),
        passed_over=tuple(passed_over),
        user=processes.user_name(who.user),
        denied="" if file is None else str(who.denied(file.absolute()) or ""),
    )


def _part(
    machine: Machine, name: str, pid: int | None, hidden: Container[str], used: Container[str]
) -> parts.PartFacts:
    found = processes.process(pid, machine.proc) if pid is not None else None
    if found is None:
        return parts.PartFacts(name=name, pid=None, is_hidden=name in hidden, was_used=name in used)
    return parts.PartFacts(
        name=name,
        pid=pid,
        is_stopped=found.state in processes.STOPPED,
        is_older=processes.started_at(found, machine.proc) < host.installed_at(),
    )


def _of_the_broker(
    loaded: Loaded, running: Mapping[str, int | None], own: Mapping[str, float], *, is_stopped: bool
) -> Iterator[Result]:
    found = kafka.kafka(loaded.config, own, is_box_stopped=is_stopped)
    yield from broker.judge(found.broker)
    if found.topic is not None:
        yield from topic.judge(found.topic)
        yield from groups.unanswered(found.unanswered)
        yield from groups.judge(loaded.config.store.group, found.groups, has_web=running["web"] is not None)


def _clock(machine: Machine, directory: Path, ahead: Mapping[str, float]) -> clock.ClockFacts:
    return clock.ClockFacts(
        now=machine.now(),
        is_synchronised=machine.clock_is_synchronised(),
        newest=data.newest(directory),
        ahead=ahead,
    )
