"""The `logging.Handler`: takes records in the threads of the application, and never blocks or raises there."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

import msgspec

from logpost.config import MIB, KafkaConfig
from logpost.errors import ConfigError
from logpost.handler.outbox import Outbox
from logpost.handler.records import record_of
from logpost.handler.sender import Sender
from logpost.kafka import client_settings

MAX_BYTES = 64 * MIB
"""Encoded records that wait in memory; `queue_size` bounds their number."""
FORK_SECONDS = 1.0
"""The longest that a fork waits for the threads of our Kafka client to end. Beyond it (no broker, no name server) the
child may find the C library's resolver locked for ever, and deliver nothing."""
_PREFIX = "LOGPOST_KAFKA_"
_OWN_LOGGERS = ("logpost.handler", "confluent_kafka")
"""What these say is not shipped: shipping it would make them say more."""


class LogpostHandler(logging.Handler):
    """Sends log records to the topic that logpost indexes.

    `bootstrap_servers` and `topic` default to the environment (`LOGPOST_KAFKA_BOOTSTRAP_SERVERS`, …, as for the other
    parts of logpost; TLS and SASL are set there), else `localhost:9092` and `logs`. `service` is the program's name,
    `host` this machine's. At most `queue_size` records wait for acknowledgement, further ones are dropped, counted in
    `dropped`, and told of by a record once there is room. `flush` and `close`, so also the end of the program, wait
    at most `flush_seconds` for the broker. Raises ConfigError; touches the network only when the first record comes.

    In a forked child the handler starts afresh: empty, with a stream and a producer of its own.
    """

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        topic: str | None = None,
        service: str | None = None,
        host: str | None = None,
        queue_size: int = 10_000,
        flush_seconds: float = 5.0,
        level: int | str = logging.NOTSET,
    ) -> None:
        super().__init__(level)
        if queue_size < 1:
            raise ConfigError(f"LogpostHandler: queue_size = {queue_size} leaves no room for a record")
        self.service = service or program_name(sys.argv)
        self.host = host or socket.gethostname()
        self._config = kafka_config(os.environ, bootstrap_servers, topic)
        client_settings(self._config, self.service)  # the sender's thread could not raise
        self._queue_size = queue_size
        self._flush_seconds = flush_seconds
        self._closed = False
        self._start_afresh()
        _handlers.add(self)

    def _start_afresh(self) -> None:
        self._outbox = Outbox(secrets.token_hex(16), self._queue_size, MAX_BYTES)
        self._sender: Sender | None = None
        self._gave_up_at = -1

    @property
    def dropped(self) -> int:
        """Records of this process that were lost: no room, or refused by the broker."""
        return self._outbox.dropped

    @property
    def pending(self) -> int:
        """Records that the broker has not acknowledged yet."""
        return self._outbox.pending

    def emit(self, record: logging.LogRecord) -> None:
        if self._closed or record.name.startswith(_OWN_LOGGERS):
            return
        try:
            message = self._message(record)
            self._outbox.offer(record_of(record, message, host=self.host, service=self.service))
            self._start_sender()
        except Exception:  # noqa: BLE001 - the contract of logging: handleError decides, the application goes on
            self.handleError(record)

    def _message(self, record: logging.LogRecord) -> str:
        try:
            return record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit their format: said as logging says it, and shipped
            self.handleError(record)
            return f"{record.msg} {record.args!r}"

    def _start_sender(self) -> None:
        if self._sender is None:
            sender = Sender(self._outbox, self._config, f"{self.host}/{self.service}".encode("utf-8", "replace"))
            sender.start()
            self._sender = sender

    def flush(self) -> None:
        """Wait until the broker has acknowledged every record, at most `flush_seconds`."""
        offered = self._outbox.offered
        self._gave_up_at = -1 if self._outbox.wait(self._flush_seconds) else offered

    def close(self) -> None:
        """Flush, and end the background thread; later records are ignored."""
        if not self._closed:
            # logging.shutdown flushes just before: what that wait did not bring is not waited for again.
            if self._gave_up_at != self._outbox.offered:
                self.flush()
            self._closed = True
            self._end_sender()
        super().close()

    def _end_sender(self) -> None:
        if self._sender is None:
            return
        self._sender.stop()
        if self._outbox.pending == 0:
            self._sender.join(self._flush_seconds)
        elif logging.raiseExceptions and sys.stderr is not None:
            sys.stderr.write(
                f"logpost: {self._outbox.pending} log records not delivered to {self._config.bootstrap_servers} "
                f"within {self._flush_seconds:g} s\n"
            )


def kafka_config(environment: Mapping[str, str], bootstrap_servers: str | None, topic: str | None) -> KafkaConfig:
    """`[kafka]` from `LOGPOST_KAFKA_*`, and the arguments that are given. Raises ConfigError.

    The configuration file is not read: it is the appliance's, and an application is seldom allowed to.
    """
    values = {name[len(_PREFIX) :].lower(): text for name, text in environment.items() if name.startswith(_PREFIX)}
    if bootstrap_servers:
        values["bootstrap_servers"] = bootstrap_servers
    if topic:
        values["topic"] = topic
    try:
        return msgspec.convert(values, KafkaConfig, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"LogpostHandler: environment variables {_PREFIX}*: {error}") from error


def program_name(arguments: list[str]) -> str:
    """`/opt/shop/main.py` → `main`; `python -m shop` → `shop`; without a program `python`."""
    program = Path(arguments[0]) if arguments and arguments[0] not in ("", "-c", "-m") else Path("python")
    return program.parent.name if program.name == "__main__.py" else program.stem


_handlers: weakref.WeakSet[LogpostHandler] = weakref.WeakSet()


def _before_fork() -> None:
    senders = [handler._sender for handler in _handlers if handler._sender is not None]
    for sender in senders:
        sender.pause()
    deadline = time.monotonic() + FORK_SECONDS
    for sender in senders:
        sender.paused(max(0.0, deadline - time.monotonic()))


def _after_fork_in_parent() -> None:
    for handler in _handlers:
        if handler._sender is not None:
            handler._sender.resume()


def _after_fork_in_child() -> None:
    # What waits belongs to the parent, which will send it; so does its thread, and its producer's connections.
    for handler in _handlers:
        handler._start_afresh()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
