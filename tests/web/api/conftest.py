"""The real application on a real socket, over a real store with a few lines; no broker is there."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp

from logpost.config import Config, KafkaConfig
from logpost.listening import bind
from logpost_web.api.queries import Queries
from logpost_web.api.services import Services
from logpost_web.app import create_app
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.indexer.indexer import Indexer
from logpost_web.store.store import Store
from tests.support.processes import free_port
from tests.support.stores import opened_store

LINES = (
    {"level": "error", "service": "nginx", "host": "web-1", "message": "upstream timed out", "attrs": {"status": 504}},
    {"level": "info", "service": "nginx", "host": "web-2", "message": "GET /x", "attrs": {"big": 2**60 + 1}},
    {"level": "", "service": "app", "host": "web-1", "message": "<script>alert(1)</script>", "attrs": {}},
)
"""Line n is of 2026-11-22, n seconds and n nanoseconds after 10:51:00Z, at offset n."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Get = Callable[..., Answer]


@pytest.fixture(scope="package")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened_store(request, tmp_path_factory.mktemp("store")) as store:
        rows = [
            {
                "Timestamp": f"2026-11-22T10:51:0{number}.00000000{number}Z",
                "SeverityText": line["level"],
                "ServiceName": line["service"],
                "HostName": line["host"],
                "Body": line["message"],
                "LogAttributes": line["attrs"],
                "Topic": "logs",
                "Partition": 2,
                "Offset": number,
            }
            for number, line in enumerate(LINES)
        ]
        store.insert("\n".join(map(json.dumps, rows)).encode())
        yield store


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The application on a free port; its address, without a slash at the end."""
    sockets = bind("127.0.0.1", 0, insecure=False, setting="web.port")
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="package")
def address(store: Store) -> Iterator[str]:
    config = Config(kafka=KafkaConfig(bootstrap_servers=f"localhost:{free_port()}"))
    indexer = Indexer(config, store)
    services = Services(
        queries=Queries(store, config.store),
        indexer=indexer,
        topic_reader=TopicReader(config),
        kafka=config.kafka,
    )
    indexer.start()
    with serving(create_app(services)) as address:
        yield address
    indexer.stop()


def fetch(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    request = urllib.request.Request(url, headers=dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            body = response.read()
            unpacked = gzip.decompress(body) if response.headers["content-encoding"] == "gzip" else body
            return Answer(response.status, response.headers, unpacked)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def exchange(address: str, request: str) -> tuple[int, Message, bytes]:
    """Send these bytes as they are; status, headers and body of the answer, after which the server must close."""
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.headers, answer.read()


@pytest.fixture(scope="package")
def get(address: str) -> Get:
    def get(
        path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, **parameters: object
    ) -> Answer:
        return fetch(f"{address}{path}?{urllib.parse.urlencode(parameters)}", method=method, headers=headers)

    return get
