"""The `logging.Handler`: takes records in the threads of the application, and never blocks or raises there."""

from __future__ import annotations

import atexit
import logging
import os
import secrets
import socket
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path

import msgspec

from logpost.config import MIB, KafkaConfig, is_made_by_kubernetes
from logpost.errors import ConfigError
from logpost.handler import endings
from logpost.handler.outbox import Outbox
from logpost.handler.records import record_of
from logpost.handler.sender import Sender
from logpost.kafka import client_settings
from logpost.record import Record

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

    In a forked child the handler starts afresh: empty, with a stream and a producer of its own. Every end of a process
    that Python can see waits for the broker like `flush`: see `logpost.handler.endings`.
    """

    def __init__(
        self,
        bootstrap_servers: str | None = None,
        topic: str | None = None,
        service: str | None = None,
        host: str | None = None,
        queue_size: int = 50_000,
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
        endings.watch(_finish)

    def _start_afresh(self) -> None:
        self._outbox = Outbox(secrets.token_hex(16), self._queue_size, MAX_BYTES)
        self._sender: Sender | None = None
        self._gave_up_at = -1
        self._late_until = 0.0

    @property
    def dropped(self) -> int:
        """Records of this process that were lost: no room, or refused by the broker."""
        return self._outbox.dropped

    @property
    def pending(self) -> int:
        """Records that the broker has not acknowledged yet."""
        return self._outbox.pending

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.name).startswith(_OWN_LOGGERS) or (self._closed and not _interpreter_ends()):
            return
        if sys.is_finalizing():  # a finalizer of a module's variable: no thread and no import works any more
            self._outbox.drop(Record(ts="", message=""))
            _say(f"a log record of {record.name} not delivered: the interpreter has ended")
            return
        try:
            self._outbox.offer(
                record_of(record, host=self.host, service=self.service, now=time.time(), on_misfit=self.handleError)
            )
            self._start_sender()
        except Exception:  # noqa: BLE001 - the contract of logging: handleError decides, the application goes on
            self.handleError(record)

    def _start_sender(self) -> None:
        if self._closed:
            self._send_late()
        elif self._sender is None:
            sender = self._new_sender()
            try:
                sender.start()
            except RuntimeError:
                self._send_late()
                return
            self._sender = sender
            # Who takes a handler off its logger seldom closes it.
            weakref.finalize(self, _orphan, sender, self._flush_seconds).atexit = False

    def _new_sender(self) -> Sender:
        return Sender(self._outbox, self._config, f"{self.host}/{self.service}".encode("utf-8", "replace"))

    def _send_late(self) -> None:
        """While the interpreter ends, in the thread of the caller: there may be no other any more."""
        self._late_until = self._late_until or time.monotonic() + self._flush_seconds
        if self._sender is None:
            self._new_sender().drain(max(0.0, self._late_until - time.monotonic()))

    def flush(self) -> None:
        """Wait until the broker has acknowledged every record, at most `flush_seconds`."""
        offered = self._outbox.offered
        self._gave_up_at = -1 if self._outbox.wait(self._flush_seconds) else offered

    def close(self) -> None:
        """Flush, and end the background thread; later records are ignored, unless the interpreter ends: what is logged
        after `logging.shutdown` is sent at once."""
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
            if self._sender.join(self._flush_seconds):
                self._sender = None
        else:
            _say_undelivered(self._sender, self._flush_seconds)


def kafka_config(environment: Mapping[str, str], bootstrap_servers: str | None, topic: str | None) -> KafkaConfig:
    """`[kafka]` from `LOGPOST_KAFKA_*`, and the arguments that are given. Raises ConfigError.

    The configuration file is not read: it is the appliance's, and an application is seldom allowed to.
    """
    values = {
        name[len(_PREFIX) :].lower(): text
        for name, text in environment.items()
        if name.startswith(_PREFIX) and not is_made_by_kubernetes(name, text)
    }
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
_orphans: dict[Sender, float] = {}
"""Senders whose handler is gone → how long the end of the process waits for them."""


def _interpreter_ends() -> bool:
    return not threading.main_thread().is_alive()


def _orphan(sender: Sender, flush_seconds: float) -> None:
    if sender.process == os.getpid():
        sender.retire()
        _orphans[sender] = flush_seconds


def _finish() -> None:
    """Wait for all records of this process, and say which were not delivered."""
    waited_for = dict(_orphans)
    waited_for |= {handler._sender: handler._flush_seconds for handler in list(_handlers) if handler._sender}
    start = time.monotonic()
    for sender, seconds in waited_for.items():
        if not sender.outbox.wait(max(0.0, start + seconds - time.monotonic())):
            _say_undelivered(sender, seconds)


def _finish_orphans() -> None:
    """The others are closed by `logging.shutdown`."""
    start = time.monotonic()
    for sender, seconds in list(_orphans.items()):
        if not sender.join(max(0.0, start + seconds - time.monotonic())):
            _say_undelivered(sender, seconds)


def _say_undelivered(sender: Sender, seconds: float) -> None:
    _say(f"{sender.outbox.pending} log records not delivered to {sender.servers} within {seconds:g} s")


def _say(text: str) -> None:
    """On stderr, as logging does of its own failures."""
    if logging.raiseExceptions and sys.stderr is not None:
        sys.stderr.write(f"logpost: {text}\n")


def _before_fork() -> None:
    senders = _senders()
    for sender in senders:
        sender.pause()
    deadline = time.monotonic() + FORK_SECONDS
    for sender in senders:
        sender.paused(max(0.0, deadline - time.monotonic()))


def _senders() -> list[Sender]:
    return [*_orphans, *(handler._sender for handler in list(_handlers) if handler._sender is not None)]


def _after_fork_in_parent() -> None:
    for sender in _senders():
        sender.resume()


def _after_fork_in_child() -> None:
    # What waits belongs to the parent, which will send it; so does its thread, and its producer's connections.
    _orphans.clear()
    for handler in list(_handlers):
        handler._start_afresh()


atexit.register(_finish_orphans)
os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
