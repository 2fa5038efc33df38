"""Listening sockets: on which addresses, and what is said where there can be none."""

import socket

import pytest

from logpost.errors import ConfigError, StartError
from logpost.listening import bind
from tests.support.processes import free_port


def test_localhost_listens_on_both_loopback_addresses_on_one_port() -> None:
    sockets = bind("localhost", 0, insecure=False, setting="web.port")
    try:
        assert len({bound.getsockname()[1] for bound in sockets}) == 1
        for bound in sockets:
            socket.create_connection(bound.getsockname()[:2], timeout=60).close()
    finally:
        for bound in sockets:
            bound.close()


def test_a_taken_port_is_named() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StartError) as raised:
        bind("localhost", port, insecure=False, setting="web.port")
    assert str(raised.value) == f"cannot listen on 127.0.0.1 port {port}: Address already in use (web.port)"


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1 port 0: .+ \(web\.listen\)"):
        bind("192.0.2.1", 0, insecure=True, setting="web.port")


def test_an_open_address_is_refused_until_insecure_says_so() -> None:
    with pytest.raises(ConfigError, match=r"web\.insecure = true"):
        bind("0.0.0.0", 0, insecure=False, setting="web.port")
    [bound] = bind("0.0.0.0", 0, insecure=True, setting="web.port")
    bound.close()
