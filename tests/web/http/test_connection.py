"""Connections of the web: bounded in number, and none is held by half a request."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from prometheus_client import REGISTRY
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from logpost.listening import bind
from logpost_web.http.connection import connection_class, connection_limit
from tests.support.appliance import await_condition

WHOLE = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENT = 600.0
ANSWER = PlainTextResponse("ok")


@contextlib.contextmanager
def serving(most: int = 100, request_seconds: float = PATIENT, app: ASGIApp = ANSWER) -> Iterator[int]:
    """An application, one that answers `ok` by default, on a free port."""
    sockets = bind("127.0.0.1", 0, insecure=False, setting="web.port")
    config = uvicorn.Config(
        app,
        http=connection_class(most, request_seconds),
        ws="none",
        log_config=None,
        lifespan="off",
        timeout_keep_alive=600,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    yield sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def status(connection: socket.socket) -> bytes:
    """Of one answer of `ANSWER`, which is read whole: its body may come by itself."""
    answer = b""
    while not answer.endswith(b"\r\n\r\nok") and (piece := connection.recv(65536)):
        answer += piece
    return answer.partition(b"\r\n")[0]


def read_to_the_end(connection: socket.socket) -> bytes:
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found += piece
    return found


def is_served(port: int) -> bool:
    with connect(port) as connection:
        connection.sendall(WHOLE)
        with contextlib.suppress(ConnectionError):
            return status(connection) == b"HTTP/1.1 200 OK"
        return False


@pytest.mark.parametrize("half", [b"", b"GET / HT", WHOLE[:-2], b"GET / HTTP/1.1\r\n"])
def test_half_a_request_ends_after_its_deadline(half: bytes) -> None:
    before = REGISTRY.get_sample_value("logpost_web_connections_timed_out_total", {"late": "request"}) or 0
    with serving(request_seconds=0.2) as port, connect(port) as connection:
        connection.sendall(half)
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 408 ")
    assert REGISTRY.get_sample_value("logpost_web_connections_timed_out_total", {"late": "request"}) == before + 1


def test_a_body_that_never_ends_holds_no_connection() -> None:
    with serving(request_seconds=1.0) as port, connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 200 ")


def test_a_second_request_that_is_half_sent_ends_too() -> None:
    with serving(request_seconds=1.0) as port, connect(port) as connection:
        connection.sendall(WHOLE)
        assert status(connection) == b"HTTP/1.1 200 OK"
        connection.sendall(WHOLE[:-1])
        assert read_to_the_end(connection).startswith(b"HTTP/1.1 408 ")


def test_requests_that_are_whole_have_no_deadline_between_them() -> None:
    with serving(request_seconds=1.0) as port, connect(port) as connection, connect(port) as other:
        connection.sendall(WHOLE)
        assert status(connection) == b"HTTP/1.1 200 OK"
        assert read_to_the_end(other).startswith(b"HTTP/1.1 408 ")  # the time of the deadline is over
        connection.sendall(WHOLE)
        assert status(connection) == b"HTTP/1.1 200 OK"


def test_connections_above_the_limit_are_refused_and_those_below_are_served() -> None:
    with serving(most=2) as port, connect(port) as first, connect(port) as second:
        for connection in (first, second):
            connection.sendall(WHOLE)
            assert status(connection) == b"HTTP/1.1 200 OK"
        with connect(port) as third:
            refusal = read_to_the_end(third)
        assert refusal.startswith(b"HTTP/1.1 503 ")
        assert b"web.max_connections" in refusal
        first.sendall(WHOLE)
        assert status(first) == b"HTTP/1.1 200 OK"
        second.close()
        await_condition(lambda: is_served(port), "the place of the one that left is free", 60)


@pytest.mark.parametrize("ahead", [b"", WHOLE, WHOLE * 3, WHOLE[:-4]])
def test_a_client_that_goes_is_noticed_whatever_it_sent_ahead(ahead: bytes) -> None:
    asked, gone = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with serving(app=app) as port:
        with connect(port) as connection:
            connection.sendall(WHOLE)
            assert asked.wait(60)
            connection.sendall(ahead)
        assert gone.wait(60)


def test_requests_that_were_sent_ahead_are_answered_in_turn() -> None:
    with serving() as port, connect(port) as connection:
        connection.sendall(WHOLE * 2 + WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert read_to_the_end(connection).count(b"HTTP/1.1 200 OK") == 3


def test_half_of_the_files_stay_the_store_s() -> None:
    assert connection_limit(1000, 1024) == 512
    assert connection_limit(1000, 65536) == 1000
