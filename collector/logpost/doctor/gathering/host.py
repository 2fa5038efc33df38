"""What this host is called, which authorities it trusts, and which releases are installed."""

from __future__ import annotations

import platform
import ssl
from pathlib import Path

import confluent_kafka

from logpost import authorities, scrape
from logpost.agent.machine import CONTAINER_MARKS, passing_name
from logpost.config import Config, KafkaConfig
from logpost.doctor.checks.authorities import AuthoritiesFacts
from logpost.doctor.checks.host_name import HostNameFacts
from logpost.doctor.checks.versions import VersionFacts
from logpost.doctor.gathering.machine import Machine
from logpost.errors import ConfigError
from logpost.installed import entry_points, imported, version


def host_name(machine: Machine, config: Config) -> HostNameFacts:
    name = machine.host_name()
    marks = [machine.root / mark.lstrip("/") for mark in CONTAINER_MARKS]
    return HostNameFacts(name=name, setting=config.agent.hostname, passes_with=passing_name(name, marks))


def trusted(config: KafkaConfig) -> AuthoritiesFacts:
    """What the clients of Kafka are given."""
    named = config.ssl_ca_location
    found = named or authorities.store()
    uses_tls = config.security_protocol.endswith("SSL")
    problem = _problem(Path(found)) if uses_tls and found else ""
    return AuthoritiesFacts(uses_tls=uses_tls, named=named, found=found, problem=problem)


def _problem(place: Path) -> str:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if place.is_dir():
            context.load_verify_locations(capath=place)
        else:
            context.load_verify_locations(cafile=place)
    except ssl.SSLError:
        return "has no certificate in PEM form"
    except OSError as error:
        return error.strerror or str(error)
    return "" if place.is_dir() or context.get_ca_certs() else "has no certificate of an authority"


def versions(config: Config) -> VersionFacts:
    problems = []
    for entry_point in entry_points("logpost.doctor").values():
        try:
            problems.append(imported(entry_point)(config))
        except (ModuleNotFoundError, ConfigError):
            continue  # a host with the agent alone, or no such store
    return VersionFacts(
        installed={
            "logpost": version(),
            "Python": platform.python_version(),
            "librdkafka": str(confluent_kafka.libversion()[0]),
        },
        problems=tuple(problem for problem in problems if problem),
    )


def installed_at() -> float:
    """When the files of this release came here, Unix seconds."""
    directory = Path(scrape.__file__).parent
    files = max(file.stat().st_ctime for file in directory.glob("*.py"))
    # A directory changes when Python writes into it for the first time, a file when another name of it is made or goes.
    return min(files, directory.stat().st_ctime)
