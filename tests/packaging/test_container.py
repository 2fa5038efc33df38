"""The container file and the compose file: their commands exist, their settings are good, and nothing needs root."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from logpost.cli import command_parser
from logpost.config import load
from tests.test_layers import ROOT

CONTAINER = ROOT / "packaging" / "container"
CONTAINERFILE = (CONTAINER / "Containerfile").read_text()
COMPOSE: dict[str, Any] = msgspec.yaml.decode((CONTAINER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instructions(name: str) -> list[str]:
    joined = CONTAINERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} +(.*)$", joined, flags=re.MULTILINE)


def test_the_image_needs_no_root_and_no_writable_root() -> None:
    assert instructions("USER")[-1] == "10001:0"
    assert instructions("VOLUME") == ["/var/lib/logpost"]
    (environment,) = instructions("ENV")
    settings = dict(word.split("=") for word in environment.split())
    home = settings.pop("HOME")
    assert home == load(None, settings).config.data == "/var/lib/logpost"


def test_the_image_fetches_nothing_but_packages_of_its_system() -> None:
    assert not re.search(r"https?:|curl|wget|pip", CONTAINERFILE.partition("FROM")[2])
    assert all(not image.endswith(":latest") and ":" in image for image in instructions("FROM"))


@pytest.mark.parametrize("what", ["CMD", "HEALTHCHECK"])
def test_what_the_image_runs_exists(what: str) -> None:
    command = json.loads(instructions(what)[-1].partition("CMD ")[2] or instructions(what)[-1])
    command_parser().parse_args(command[1:] if command[0] == "/usr/bin/logpost" else command)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_of_the_compose_file(name: str) -> None:
    service = SERVICES[name]
    command_parser().parse_args(service["command"])
    assert service["healthcheck"]["test"] == ["CMD", "/usr/bin/logpost", "health", name]
    command_parser().parse_args(service["healthcheck"]["test"][2:])
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    load(None, {key: value.partition(":?")[0].strip("${") for key, value in service["environment"].items()})


def test_volumes_that_are_used_are_declared() -> None:
    used = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {name for name in used if not name.startswith("/")} == COMPOSE["volumes"].keys()


def test_the_broker_is_published_to_nobody() -> None:
    assert "ports" not in SERVICES["broker"]
