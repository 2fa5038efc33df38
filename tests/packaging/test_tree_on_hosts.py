"""A tree on hosts of other distributions and with less than usual: their stores of authorities, mounts without `exec`,
no home. Each host is made of this machine in a mount namespace of its own, which only root can."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer

from logpost_broker import Broker
from tests.support.processes import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")

STORES = {
    "Debian": "/etc/ssl/certs/ca-certificates.crt",
    "Red Hat": "/etc/pki/tls/certs/ca-bundle.crt",
    "SUSE": "/var/lib/ca-certificates/ca-bundle.pem",
}


@dataclass
class Server:
    """A TLS server that nobody's authorities vouch for but the one in `certificate`."""

    certificate: Path
    socket: socket.socket
    received: list[bytes] = field(default_factory=list)
    """What each client sent first: one that does not trust the server sends nothing."""

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def serve(self, context: ssl.SSLContext) -> None:
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            client.settimeout(30)
            try:
                with context.wrap_socket(client, server_side=True) as secured:
                    self.received.append(secured.recv(16))
            except OSError:
                client.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")
    directory = tmp_path_factory.mktemp("server")
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext {names}"
    subprocess.run(
        [*shlex.split(command), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = Server(certificate, listening)
        thread = threading.Thread(target=serving.serve, args=(context,), daemon=True)
        thread.start()
        yield serving
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def on_a_host(preparation: Sequence[str], program: Sequence[str | Path]) -> list[str]:
    """The command that runs a program where the lines of `preparation` have been carried out, as nobody else sees."""
    script = "\n".join(["set -e", *preparation, "exec " + shlex.join(map(str, program))])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]


def run(command: Sequence[str], **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def with_store(place: str, certificate: Path, scratch: Path) -> list[str]:
    """A host that keeps its authorities in `place` alone, and trusts one."""
    scratch.mkdir()
    return [
        f"mount -t tmpfs none {shlex.quote(str(scratch))}",
        f"cd {shlex.quote(str(scratch))}",
        "mkdir up work store",
        f"cp {shlex.quote(str(certificate))} store/own.pem",
        "mount -t overlay none -o lowerdir=/etc,upperdir=up,workdir=work /etc",
        "rm -rf /etc/ssl /etc/pki",
        "mount -t tmpfs none /var/lib",
        f"mkdir -p {Path(place).parent}",
        f"cp store/own.pem {place}",
    ]


@pytest.mark.parametrize("distribution", STORES)
def test_kafka_over_tls_trusts_the_store_of_the_host(
    agent_tree: Path, server: Server, tmp_path: Path, distribution: str
) -> None:
    preparation = with_store(STORES[distribution], server.certificate, tmp_path / "host")
    settings = {
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{server.port}",
        "LOGPOST_KAFKA_SECURITY_PROTOCOL": "SSL",
    }
    before = len(server.received)
    done = run(on_a_host(preparation, ["timeout", "5", agent_tree / "bin/logpost", "topics", "list"]), **settings)
    assert len(server.received) > before, done.stderr


@pytest.mark.parametrize("distribution", STORES)
def test_http_over_tls_trusts_the_store_of_the_host(
    box_tree: Path, server: Server, tmp_path: Path, distribution: str
) -> None:
    preparation = with_store(STORES[distribution], server.certificate, tmp_path / "host")
    address = f"https://localhost:{server.port}"
    before = len(server.received)
    done = run(on_a_host(preparation, [box_tree / "bin/logpost", "search", "--url", address, "level:error"]))
    assert server.received[before:] == [b"GET /api/search?"], done.stderr


def test_a_host_that_does_not_know_the_authority_refuses(box_tree: Path, server: Server, tmp_path: Path) -> None:
    other = Path(ssl.get_default_verify_paths().cafile or STORES["Debian"])
    if not other.exists():
        pytest.skip("this machine has no authorities")
    preparation = with_store(STORES["Debian"], other, tmp_path / "host")
    before = len(server.received)
    address = f"https://localhost:{server.port}"
    done = run(on_a_host(preparation, [box_tree / "bin/logpost", "search", "--url", address, "level:error"]))
    assert (done.returncode, server.received[before:]) == (2, [])
    assert "certificate" in done.stderr


def locked_down(tree: Path, scratch: Path) -> list[str]:
    """A host that runs no program from `/tmp`, `/var`, `/run` and where the data lies."""
    places = [place for place in ("/tmp", "/var", "/run", str(scratch)) if not tree.is_relative_to(place)]
    return [
        command
        for place in map(shlex.quote, places)
        for command in (f"mount --bind {place} {place}", f"mount -o remount,bind,noexec {place}")
    ]


def settings(scratch: Path) -> Path:
    """A configuration whose agent ships one line that is there already."""
    log = scratch / "app.log"
    log.write_text("a line of a host that is locked down\n")
    path = scratch / "logpost.toml"
    path.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n')
    return path


@contextmanager
def running(tree: Path, scratch: Path, *arguments: str, **environment: str) -> Iterator[None]:
    """A command of a tree on a host that is locked down, without HOME and with a TMPDIR that is not there."""
    options: list[str | Path] = ["--config", settings(scratch), "--data", scratch / "data"]
    command = on_a_host(locked_down(tree, scratch), [tree / "bin/logpost", *arguments, *options])
    with subprocess.Popen(
        command, env={"PATH": os.environ["PATH"], "TMPDIR": "/nonexistent", **environment}
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def test_an_agent_needs_no_home_and_no_directory_for_programs(agent_tree: Path, broker: Broker, tmp_path: Path) -> None:
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers, "LOGPOST_AGENT_METRICS_PORT": "0"}
    with running(agent_tree, tmp_path, "agent", **environment):
        assert b"locked down" in first_record(broker)


def test_a_box_needs_neither(box_tree: Path, tmp_path: Path) -> None:
    """Its parts start, the line is found, and comes out as JSON."""
    broker_port, web_port = free_port(), free_port()
    environment = {
        "LOGPOST_BROKER_PORT": str(broker_port),
        "LOGPOST_BROKER_METRICS_PORT": "0",
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": f"localhost:{broker_port}",
        "LOGPOST_WEB_PORT": str(web_port),
        "LOGPOST_AGENT_METRICS_PORT": "0",
    }
    search: list[str | Path] = [
        box_tree / "bin/logpost",
        "search",
        "--url",
        f"http://localhost:{web_port}",
        "--json",
        "locked",
    ]
    with running(box_tree, tmp_path, "up", **environment):
        said = ""
        for _ in range(240):
            said = subprocess.run(search, capture_output=True, text=True, timeout=60, check=False).stdout
            if said:
                break
            time.sleep(0.5)  # between questions: nothing says when a line can be found
    assert json.loads(said)["message"] == "a line of a host that is locked down"


def first_record(broker: Broker) -> bytes:
    """Nothing after a minute."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["logs"])
    try:
        for _ in range(60):
            message = consumer.poll(1)
            if message is not None and message.error() is None:
                return bytes(message.value() or b"")
    finally:
        consumer.close()
    return b""
