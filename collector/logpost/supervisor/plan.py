"""Which parts `logpost up` starts, in which order, and with which options. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from logpost.config import Loaded

BOOTSTRAP_SERVERS = "LOGPOST_KAFKA_BOOTSTRAP_SERVERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`parts`: (command, options) in starting order. `servers`: the Kafka they all use."""

    parts: tuple[tuple[str, tuple[str, ...]], ...]
    environment: Mapping[str, str]
    servers: str
    address: str

    @property
    def starts_broker(self) -> bool:
        return any(name == "broker" for name, _ in self.parts)


def plan(configuration: Loaded, config_file: Path | None, environment: Mapping[str, str]) -> Plan:
    """Broker, web, agent. Without `kafka.bootstrap_servers` they use the broker that is started here; with another
    Kafka named there, no broker is started."""
    config = configuration.config
    port = config.broker.port
    own = [f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]")]
    servers = config.kafka.bootstrap_servers if "kafka.bootstrap_servers" in configuration.origins else own[0]
    options: tuple[str, ...] = ("--data", str(config.data_directory()))
    if config_file is not None:
        options = ("--config", str(config_file), *options)
    host_logs = () if config.agent.source else ("--host-logs",)
    parts = [("web", options), ("agent", (*options, *host_logs))]
    if servers in own:
        parts.insert(0, ("broker", options))
    return Plan(
        parts=tuple(parts),
        environment={**environment, BOOTSTRAP_SERVERS: servers, "PYTHONUNBUFFERED": "1"},
        servers=servers,
        address=f"http://{config.web.listen}:{config.web.port}",
    )
