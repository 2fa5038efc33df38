"""Which parts `logpost up` starts, in which order, and with which options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from logpost.addresses import WILDCARDS, host_and_port
from logpost.config import Loaded
from logpost.listening import reachable_host

BOOTSTRAP_SERVERS = "LOGPOST_KAFKA_BOOTSTRAP_SERVERS"
PORTS = {"broker": "LOGPOST_BROKER_PORT", "web": "LOGPOST_WEB_PORT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`parts`: (command, options) in starting order. `servers`: the Kafka they all use, when it is another one; else
    `broker_host` is where the broker that is started here says it is, and `web_host` likewise."""

    parts: tuple[tuple[str, tuple[str, ...]], ...]
    environment: Mapping[str, str]
    servers: str
    broker_host: str
    web_host: str

    @property
    def starts_broker(self) -> bool:
        return not self.servers


def plan(configuration: Loaded, config_file: Path | None, environment: Mapping[str, str]) -> Plan:
    """Broker, web, agent. Without `kafka.bootstrap_servers` they use the broker that is started here; with another
    Kafka named there, no broker is started."""
    config = configuration.config
    broker = config.broker
    broker_host = reachable_host(broker.listen, broker.advertised_host)
    own = {host_and_port(host, broker.port) for host in (broker_host, broker.listen, *_names(broker.listen))}
    servers = config.kafka.bootstrap_servers if "kafka.bootstrap_servers" in configuration.origins else ""
    if servers in own:
        servers = ""
    options: tuple[str, ...] = ("--data", str(config.data_directory()))
    if config_file is not None:
        options = ("--config", str(config_file), *options)
    # Where sources are configured it has no effect; they may be taken away while the agent runs.
    parts = [("web", options), ("agent", (*options, "--host-logs"))]
    if not servers:
        parts.insert(0, ("broker", options))
    return Plan(
        parts=tuple(parts),
        environment=dict(environment),
        servers=servers,
        broker_host=broker_host,
        web_host=reachable_host(config.web.listen),
    )


def _names(listen: str) -> tuple[str, ...]:
    """Other names for what listens there, from this machine."""
    return ("localhost", "127.0.0.1", "::1") if listen in ("localhost", *WILDCARDS) else ()


def port_in(ready: str) -> int:
    """The port in the line that a broker or a web says when it is ready; with `port = 0`, nobody else knows it."""
    found = re.search(r" port (\d+)|:(\d+)/?$", ready)
    assert found is not None, ready
    return int(found[1] or found[2])
