"""The addresses of the names that the configuration has."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from logpost.addresses import WILDCARDS
from logpost.config import Config
from logpost.doctor.checks.names import NameFacts
from logpost.listening import reachable_host


def names(config: Config, *, has_broker: bool) -> Iterator[NameFacts]:
    """`has_broker`: a broker of this configuration runs on this host, or is to."""
    for server in config.kafka.bootstrap_servers.split(","):
        yield _look_up("kafka.bootstrap_servers", host_of(server.strip()))
    if has_broker:
        advertised = reachable_host(config.broker.listen, config.broker.advertised_host)
        setting = "broker.advertised_host" if config.broker.advertised_host else "broker.listen"
        yield _look_up(setting, advertised, is_for_others=config.broker.listen in WILDCARDS)


def host_of(server: str) -> str:
    """`[::1]:9092` → `::1`"""
    host, _, port = server.rpartition("://")[2].rpartition(":")
    return (host if port.isdecimal() else server).strip("[]")


def _look_up(setting: str, name: str, *, is_for_others: bool = False) -> NameFacts:
    addresses: tuple[str, ...] = ()
    error = ""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    except (OSError, UnicodeError) as problem:
        error = getattr(problem, "strerror", None) or "it is no name"
    return NameFacts(setting=setting, name=name, addresses=addresses, error=error, is_for_others=is_for_others)
