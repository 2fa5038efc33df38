"""Scrapes are answered beside each other, until the end."""

import http.client
import socket
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Gauge

from logpost.errors import StartError
from logpost.metrics_server import serve
from tests.support.processes import free_port


@pytest.fixture
def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("answers", "A gauge.", registry=made).set(42)
    return made


def scrape(port: int, host: str = "127.0.0.1") -> str:
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def test_scrapes_do_not_wait_for_each_other(registry: CollectorRegistry) -> None:
    port = free_port()
    stop = serve(lambda: registry, "localhost", port, setting="broker.metrics_port")
    with socket.create_connection(("127.0.0.1", port)):  # says nothing
        assert "\nanswers 42.0\n" in scrape(port)
        assert "\nanswers 42.0\n" in scrape(port, "localhost")
        stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_port_that_is_taken_is_named_and_can_be_served_afterwards(registry: CollectorRegistry) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(StartError, match=rf"127.0.0.1 port {port}: Address already in use \(a.metrics_port\)"):
            serve(lambda: registry, "localhost", port, setting="a.metrics_port")
    stop = serve(lambda: registry, "localhost", port, setting="a.metrics_port")
    assert "\nanswers 42.0\n" in scrape(port)
    stop()


@pytest.mark.parametrize(
    ("listen", "named", "status"),
    [
        ("127.0.0.1", "evil.example", 421),
        ("localhost", "localhost.evil.example:9644", 421),
        ("localhost", "", 421),
        ("localhost", "LocalHost.:9644", 200),
        ("127.0.0.1", "[::1]:9644", 200),
        ("127.0.0.1", "127.0.0.1", 200),
        ("0.0.0.0", "logs.example.org:9644", 200),
    ],
)
def test_a_page_whose_name_is_pointed_here_reads_nothing(
    listen: str, named: str, status: int, registry: CollectorRegistry
) -> None:
    """Where others may come the names are not known."""
    port = free_port()
    stop = serve(lambda: registry, listen, port, setting="a.metrics_port")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics", headers={"Host": named})
    answer = connection.getresponse()
    assert (answer.status, b"answers 42.0" in answer.read()) == (status, status == 200)
    connection.close()
    stop()


def test_no_connection_ends_the_waiting(registry: CollectorRegistry) -> None:
    """One that is reset, one that speaks another protocol, one that goes in the middle of its request."""
    port = free_port()
    stop = serve(lambda: registry, "127.0.0.1", port, setting="a.metrics_port")
    for said in (b"", b"\x00\x01\x02\r\n\r\n", b"GET /metr"):
        with socket.create_connection(("127.0.0.1", port)) as odd:
            odd.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            odd.sendall(said)
    assert "\nanswers 42.0\n" in scrape(port)
    stop()


def test_descriptors_that_are_used_up_end_nothing() -> None:
    """In a process of its own, whose limit is then lifted again."""
    port = free_port()
    code = f"""
import resource, socket
from prometheus_client import CollectorRegistry, Gauge
from logpost.metrics_server import serve
registry = CollectorRegistry()
Gauge("answers", "", registry=registry).set(42)
stop = serve(lambda: registry, "127.0.0.1", {port}, setting="a.metrics_port")
asking = socket.socket()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (asking.fileno() + 1, hard))
asking.connect(("127.0.0.1", {port}))
asking.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
asking.settimeout(0.2)
try:
    assert not asking.recv(1)
except TimeoutError:
    pass
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
asking.settimeout(60)
assert b"answers 42.0" in b"".join(iter(lambda: asking.recv(65536), b""))
stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_library_is_loaded_when_somebody_asks() -> None:
    port = free_port()
    code = f"""
import socket, sys
from logpost.agent.metrics.counts import Counts
from logpost.agent.metrics.server import serve
stop = serve(Counts(lines=3), {port})
assert "prometheus_client" not in sys.modules
with socket.create_connection(("127.0.0.1", {port})) as asking:
    asking.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
    answer = b"".join(iter(lambda: asking.recv(65536), b""))
assert b"logpost_agent_lines_total 3.0" in answer, answer
assert "prometheus_client" in sys.modules
stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
