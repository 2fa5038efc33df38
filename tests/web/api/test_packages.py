"""The agent's packages, which other hosts fetch from the box."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import Config
from logpost_web.api.queries import Queries
from logpost_web.api.services import Services
from logpost_web.app import create_app
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.indexer.indexer import Indexer
from logpost_web.store.store import Store
from tests.web.api.conftest import fetch, serving

DEB = b"!<arch>\ndebian-binary"
NAME = "logpost-agent_0.1.0_amd64.deb"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "packages").mkdir()
    return tmp_path / "packages"


@pytest.fixture
def services(store: Store) -> Services:
    config = Config()
    return Services(
        queries=Queries(store, config.store),
        indexer=Indexer(config, store),
        topic_reader=TopicReader(config),
        kafka=config.kafka,
    )


@pytest.fixture
def box(services: Services, directory: Path) -> Iterator[str]:
    with serving(create_app(services, packages=directory)) as address:
        yield address


def fill(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).write_bytes(DEB)
    sums = "".join(f"{hashlib.sha256(DEB).hexdigest()}  {name}\n" for name in names)
    (directory / "SHA256SUMS").write_text(sums)


def page(box: str) -> str:
    return html.unescape(fetch(f"{box}/packages/").body.decode())


def test_a_host_fetches_the_package_and_its_checksum(box: str, directory: Path) -> None:
    fill(directory, NAME)
    assert fetch(f"{box}/packages/{NAME}").body == DEB
    assert fetch(f"{box}/packages/SHA256SUMS").body.decode().split() == [hashlib.sha256(DEB).hexdigest(), NAME]


def test_the_page_says_how_under_the_address_that_was_asked(box: str, directory: Path) -> None:
    fill(directory, NAME, "logpost-agent-0.1.0-1.x86_64.rpm", "logpost-agent-0.1.0-linux-amd64.tar.gz")
    shown = page(box)
    assert f"curl -fO {box}/packages/{NAME}" in shown
    assert f"apt-get install ./{NAME}" in shown
    assert "dnf install ./logpost-agent-0.1.0-1.x86_64.rpm" in shown
    assert "tar -xzf logpost-agent-0.1.0-linux-amd64.tar.gz" in shown


def test_behind_a_proxy_it_names_the_address_that_people_open(services: Services, directory: Path) -> None:
    fill(directory, NAME)
    with serving(create_app(services, packages=directory, external_url="https://logs.example.org/")) as box:
        assert f"curl -fO https://logs.example.org/packages/{NAME}" in page(box)


def test_what_no_other_host_needs_is_not_shown(box: str, directory: Path) -> None:
    fill(directory, "logpost_0.1.0_amd64.deb", "logpost-agent_0.1.0_x86_64.apk")
    (directory / NAME).write_bytes(DEB)  # that no checksum vouches for
    assert "curl" not in page(box)


def test_without_packages_the_page_says_where_they_come_from(box: str, directory: Path) -> None:
    directory.rmdir()
    assert "make package" in page(box)
    assert fetch(f"{box}/packages/{NAME}").status == 404


@pytest.mark.parametrize("path", ["../secret", "%2e%2e/secret", "..%2fsecret", "/etc/passwd"])
def test_nothing_else_is_served(box: str, directory: Path, path: str) -> None:
    fill(directory, NAME)
    (directory.parent / "secret").write_text("a secret")
    assert fetch(f"{box}/packages/{path}").status == 404
