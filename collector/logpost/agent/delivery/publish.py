"""Records to the logs topic through confluent-kafka, each kept until the broker has acknowledged it.

Idempotent, acks=all, zstd. A record that the client gives back undelivered is sent again: it waits here, counts as in
flight, and so stops the reading. Sent twice is no harm (the same range of the same stream), lost would be.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer

from logpost.agent.delivery.acks import Acks
from logpost.agent.delivery.oversize import shrink
from logpost.agent.metrics.counts import Counts
from logpost.config import MIB, KafkaConfig
from logpost.errors import ConfigError
from logpost.kafka import MAX_MESSAGE_BYTES, client_settings, unreachable
from logpost.said_once import SaidOnce

LINGER_MS = 100
"""Of what is sent while more is to be read: each batch costs the broker a request and a sync, a millisecond of CPU."""
FEW_RECORDS = 200
HURRY_SECONDS = 0.02
"""While no more is to be read, so few wait for others at most this long."""
SENT_SECONDS = 0.01
"""How long the client is told not to linger, unless all is acknowledged before."""
MAX_IN_FLIGHT_BYTES = 64 * MIB
"""Values handed to the client and not yet acknowledged; reading waits above it."""
RETRY_SECONDS = 1.0
"""Between a delivery that failed and the next try."""
ALONE_SECONDS = 0.1
"""How long to wait for a record that is sent by itself: the client does not linger then, and thousands may follow."""
QUEUE_RECORDS = 10_000_000
"""The client's own limit, out of the way: `agent.max_in_flight` is the limit."""
PURGE_SECONDS = 5.0
CLOCK_ADVICE = "set the topic's message.timestamp.type to LogAppendTime"
CLOCK_SECONDS = 60.0
"""A clock that differs more from the broker's is worth a warning."""


@dataclass(frozen=True, slots=True)
class _Undelivered:
    key: bytes
    value: bytes
    acks: Acks
    start: int
    end: int


class Publisher:
    """Used by one thread; delivery reports arrive inside `poll` and `flush`."""

    def __init__(
        self,
        config: KafkaConfig,
        *,
        max_in_flight: int,
        counts: Counts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: this host's, Unix seconds."""
        self._config = config
        self._clock = clock
        self._compares_clocks = True
        self._is_clock_off = False
        self.max_in_flight = max_in_flight
        self._counts = counts
        self._log = logging.getLogger("agent")
        # What librdkafka says at every reconnect is said here once.
        self._client_log = logging.getLogger("agent.librdkafka")
        self._client_log.setLevel(logging.CRITICAL)
        self._undelivered: deque[_Undelivered] = deque()
        self._refused: deque[_Undelivered] = deque()
        """In a batch that the broker found too large. It says so of the batch: they are sent again one by one."""
        self._is_alone = False
        self._retry_at = 0.0
        self._fatal = False
        self._away = False
        self._said = SaidOnce(self._log)
        """What comes at every try to connect, until the broker is back."""
        self._in_flight_bytes = 0
        self._hurried = 0.0
        self._producer = self._connect()

    @property
    def has_room(self) -> bool:
        """More may be sent."""
        counts = self._counts
        return (
            counts.in_flight < self.max_in_flight
            and self._in_flight_bytes < MAX_IN_FLIGHT_BYTES
            and not self._undelivered
            and not self._refused
        )

    @property
    def is_away(self) -> bool:
        """Records are on their way, and no broker takes a connection."""
        return self._away

    def send(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None:
        """Hand over the record of bytes `start` to `end`; `acks` hears of it when it is acknowledged."""
        acks.send(start, end)
        self._counts.in_flight += 1
        self._in_flight_bytes += len(value)
        self._produce(key, value, acks, start, end)

    def poll(self, timeout: float = 0.0) -> None:
        """Take delivery reports, and send again what failed."""
        self._compares_clocks = True
        self._serve(self._producer.poll, timeout)
        if self._fatal:
            self._reconnect()
        if self._undelivered and time.monotonic() >= self._retry_at:
            again, self._undelivered = self._undelivered, deque()
            for record in again:
                self._produce(record.key, record.value, record.acks, record.start, record.end)
        elif self._refused and self._counts.in_flight == len(self._refused) + len(self._undelivered):
            record = self._refused.popleft()
            self._is_alone = True
            self._produce(record.key, record.value, record.acks, record.start, record.end)
            self._serve(self._producer.flush, ALONE_SECONDS)

    def hurry(self, now: float) -> None:
        """Nothing more is to be read: let few records go. `now`: monotonic seconds."""
        few = 0 < self._counts.in_flight <= FEW_RECORDS and not (self._away or self._undelivered or self._refused)
        if few and now - self._hurried >= HURRY_SECONDS:
            self._hurried = now
            self._serve(self._producer.flush, SENT_SECONDS)

    def flush(self, seconds: float) -> bool:
        """Wait until all is acknowledged, for a limited time; returns whether it is."""
        deadline = time.monotonic() + seconds
        while self._counts.in_flight and (left := deadline - time.monotonic()) > 0:
            # The client does not linger while it is flushed.
            self._serve(self._producer.flush, min(left, 0.1))
            self.poll(0)
        return not self._counts.in_flight

    def close(self) -> None:
        """Give up what is not acknowledged: it stands in the files."""
        self._producer.purge()
        self._serve(self._producer.poll, 0)

    def _connect(self) -> Producer:
        settings = client_settings(self._config, "logpost-agent")
        settings |= {
            "enable.idempotence": True,
            "acks": "all",
            "compression.type": "zstd",
            "linger.ms": LINGER_MS,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "message.timeout.ms": 0,
            "queue.buffering.max.messages": QUEUE_RECORDS,
            "queue.buffering.max.kbytes": 2 * 1024 * 1024,
        }
        try:
            return Producer({**settings, "error_cb": self._on_error, "logger": self._client_log})
        except KafkaException as error:
            raise ConfigError(f"[kafka] cannot be used: {error.args[0].str()}") from error

    def _reconnect(self) -> None:
        """A fatal error ends a producer: take back all that it holds, and go on with a new one."""
        self._producer.purge()
        self._serve(self._producer.flush, PURGE_SECONDS)
        if not len(self._producer):
            self._producer = self._connect()
            self._fatal = False

    def _serve(self, wait: Callable[[float], object], seconds: float) -> None:
        """Take delivery reports. The client raises a fatal error out of this, at any report."""
        try:
            wait(seconds)
        except KafkaException as error:
            self._fatal = True
            self._log.error("the Kafka client gave up and is started again: %s", error.args[0].str())

    def _produce(self, key: bytes, value: bytes, acks: Acks, start: int, end: int) -> None:
        try:
            self._producer.produce(
                self._config.topic, value, key, on_delivery=partial(self._delivered, acks, start, end)
            )
        except BufferError:
            self._take_back(_Undelivered(key, value, acks, start, end), "the client's queue is full")
        except KafkaException as error:
            self._is_alone = True
            self._failed(_Undelivered(key, value, acks, start, end), error.args[0])

    def _delivered(self, acks: Acks, start: int, end: int, error: KafkaError | None, message: Message) -> None:
        if error is None:
            acks.confirm(start, end)
            self._counts.in_flight -= 1
            self._counts.acknowledged += 1
            self._in_flight_bytes -= len(message)
            self._is_alone = False
            if self._compares_clocks:
                self._compare_clocks(message)
            if self._away:
                self._away = False
                self._said.all_over()
                self._log.info("the broker at %s is back", self._config.bootstrap_servers)
            return
        key, value = message.key(), message.value()
        assert isinstance(key, bytes) and isinstance(value, bytes)
        self._failed(_Undelivered(key, value, acks, start, end), error)

    def _compare_clocks(self, message: Message) -> None:
        """Once a poll. The broker says when it has taken a record, if it stamps the topic's records."""
        self._compares_clocks = False
        kind, milliseconds = message.timestamp()
        if kind != TIMESTAMP_LOG_APPEND_TIME:
            return
        ahead = self._counts.clock_offset_seconds = self._clock() - milliseconds / 1000
        was_off, self._is_clock_off = self._is_clock_off, abs(ahead) >= CLOCK_SECONDS
        if self._is_clock_off and not was_off:
            side = "ahead of" if ahead > 0 else "behind"
            self._log.warning(
                "this host's clock is %.0f s %s the broker's: so are the times of lines that tell none",
                abs(ahead),
                side,
            )

    def _failed(self, record: _Undelivered, error: KafkaError) -> None:
        self._fatal |= bool(error.fatal()) or error.code() == KafkaError._FATAL
        was_alone, self._is_alone = self._is_alone, False
        if error.code() == KafkaError.INVALID_TIMESTAMP:
            self._take_back(record, f"{error.str()} (the clocks of this host and of the broker differ: {CLOCK_ADVICE})")
        elif error.code() != KafkaError.MSG_SIZE_TOO_LARGE:
            self._take_back(record, error.str())
        elif not was_alone:
            self._refused.append(record)
        else:
            self._shrink(record, error)

    def _shrink(self, record: _Undelivered, error: KafkaError) -> None:
        smaller = shrink(record.value)
        if smaller is None:
            self._take_back(record, f"{error.str()}, although it is only {len(record.value)} bytes long")
            return
        self._counts.shrunk += 1
        self._in_flight_bytes += len(smaller) - len(record.value)
        self._refused.appendleft(_Undelivered(record.key, smaller, record.acks, record.start, record.end))

    def _take_back(self, record: _Undelivered, reason: str) -> None:
        if not self._undelivered:
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._log.warning("not delivered, sent again in %g s: %s", RETRY_SECONDS, reason)
        self._undelivered.append(record)

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            if self._counts.in_flight and not self._away:
                self._away = True
                self._log.warning("the broker at %s is away; reading waits for it", self._config.bootstrap_servers)
        elif not self._counts.acknowledged and (said := unreachable(error.str(), self._config.bootstrap_servers)):
            self._said.warn(said, "%s", said)
        elif error.code() != KafkaError._TRANSPORT:
            self._said.warn(error.code(), "Kafka: %s", error.str())
