"""Whether the parts that run here do their work: for containers and scripts, which want one bit."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from logpost import scrape
from logpost.addresses import local_host, local_url
from logpost.config import Config
from logpost.processes import STOPPED, process, running, unknown

ANSWER_SECONDS = 5.0
WAITING_SECONDS = 60.0
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""A request of Kafka that every broker answers to anyone: size, key, version, correlation id, no client id."""


def problems(config: Config, part: str = "") -> Iterator[str]:
    """What is wrong with the part, or with all that run here; nothing is well. Raises ConfigError."""
    data = config.data_directory()
    pids, hidden = running(data), unknown(data) - {"up"}
    has_all = pids.pop("up") is not None  # then those that do not run are missed
    if not part and not has_all and not hidden and not any(pids.values()):
        yield "no part of logpost runs here"
    for name, pid in pids.items():
        if part not in ("", name):
            continue
        if pid is None and name not in hidden:
            if part or (has_all and name != "broker"):  # the broker may be another Kafka
                yield f"{name} does not run"
            continue
        found = process(pid) if pid is not None else None
        if found is not None and found.state in STOPPED:
            yield f"{name} is stopped by a signal"
        elif why := CHECKS[name](config):
            yield f"{name} {why}"


def _broker(config: Config) -> str:
    """Asked as a client would, since the kernel takes connections for a broker that hangs."""
    # Not by this host's name, which others use, and which may lead nowhere from here.
    host, port = local_host(config.broker.listen), config.broker.port
    if not port:
        return ""  # which port it took is known to nobody here
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
            connection.sendall(_API_VERSIONS)
            return "" if connection.recv(1) else "closes the connection"
    except OSError as error:
        return f"does not answer on port {port}: {error.strerror or 'timed out'}"


def _web(config: Config) -> str:
    address = local_url(config.web.listen, config.web.port)
    if not config.web.port:
        return ""
    try:
        status, _ = scrape.fetch(f"{address}/healthz", ANSWER_SECONDS)
    except scrape.UnansweredError as error:
        return f"does not answer at {address}: {error}"
    return "" if status == 200 else f"answers {status} at {address}"


def _agent(config: Config) -> str:
    if not config.agent.metrics_port:
        return ""
    try:
        found = scrape.samples(f"http://localhost:{config.agent.metrics_port}/metrics", ANSWER_SECONDS)
    except scrape.UnansweredError as error:
        return f"does not answer on port {config.agent.metrics_port}: {error}"
    waiting = scrape.total(found, "logpost_agent_waiting_seconds")
    return f"has had nothing acknowledged for {waiting:,.0f} s" if waiting > WAITING_SECONDS else ""


CHECKS = {"broker": _broker, "web": _web, "agent": _agent}
