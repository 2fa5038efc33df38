"""What sends for a handler, in the background: owns the Kafka producer, moves records from the outbox to the broker."""

from __future__ import annotations

import itertools
import logging
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from logpost.config import KafkaConfig
from logpost.handler.native import Bell, await_done, start_thread, wait_until
from logpost.handler.outbox import Outbox
from logpost.kafka import MAX_MESSAGE_BYTES, client_settings, ensure_logs_topic, has_topic, unreachable

_POLL_SECONDS = 0.05
"""How often to look for acknowledgements while some are due and there is nothing else to send."""
_RETRY_SECONDS = 1.0
_ASK_SECONDS = (0.1, 0.2, 0.4, 1.0)
_PAUSE_SECONDS = 0.1
"""How long a producer that pauses waits for what is on its way. What stays goes out twice, under one number."""
_REFUSED = frozenset(
    (
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
    )
)
"""What stays an error however often the record is sent. After any other (the topic is gone, the producer is fenced) it
is sent again by a new producer."""
_REFUSED_IN_BATCHES = frozenset(
    (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE, KafkaError.INVALID_RECORD)
)
"""What the broker says of all records of a batch, although one of them, or their sum, is to blame."""


class Sender:
    """Runs in a thread of its own until `stop`; or in the caller's, where no thread can be had (`drain`).

    The producer is a local of the thread, made in it: in a forked child, where the thread is gone, nothing refers to
    librdkafka's half copied state, and so nothing ever tries to end it. Around a fork there should be no producer at
    all (`pause`, `resume`): its threads look up host names, and a child that is made meanwhile inherits the locks of
    glibc's resolver as taken, for ever.
    """

    def __init__(self, outbox: Outbox, config: KafkaConfig, key: bytes) -> None:
        self.outbox = outbox
        self.servers = config.bootstrap_servers
        self.process = os.getpid()
        self._config = config
        self._key = key
        self._changed = Bell()
        self._is_stopping = False
        self._may_connect = True
        self._is_connected = False
        self._has_ended = False
        self._until = math.inf
        self._is_retired = False
        self._topic_exists = False
        self._broken = False
        self._suspects: deque[bytes] = deque()
        """Of batches that were refused: they are sent again one by one."""
        self._is_alone = False
        self._complaints: set[int] = set()

    def start(self) -> None:
        """Raises RuntimeError where there can be no more threads."""
        start_thread(self._run)

    def stop(self) -> None:
        self._is_stopping = True
        self._wake()

    def retire(self) -> None:
        """Nobody offers any more: end as soon as all is acknowledged."""
        self._is_retired = True
        self._wake()

    def drain(self, seconds: float) -> None:
        """Instead of `start`: send what waits in the thread of the caller, for `seconds` at most."""
        self._until = time.monotonic() + seconds
        self.retire()
        self._run()

    def join(self, seconds: float) -> bool:
        """Whether it has ended; waits for that, at most `seconds`."""
        return wait_until(lambda: self._has_ended, seconds)

    def pause(self) -> None:
        """Ask for the end of the producer and its threads; `paused` waits for it."""
        self._may_connect = False
        self._wake()

    def paused(self, seconds: float) -> bool:
        """Whether they have ended; waits for that, at most `seconds`."""
        return wait_until(lambda: not self._is_connected, seconds)

    def resume(self) -> None:
        self._may_connect = True
        self._wake()

    def _wake(self) -> None:
        self._changed.ring()
        self.outbox.wake()

    @property
    def _is_over(self) -> bool:
        if self._is_stopping or time.monotonic() >= self._until:
            return True
        return self._is_retired and self.outbox.pending == 0

    @property
    def _goes_on(self) -> bool:
        return self._may_connect and not self._is_over

    def _run(self) -> None:
        while not self._is_over:
            self._is_connected = True  # said before it is asked whether it may be: `pause` does the reverse
            if self._may_connect:
                self._send()
            self._is_connected = False
            if self._broken and not self._is_over:
                self._changed.wait(_RETRY_SECONDS)
            while not self._may_connect and not self._is_over:
                self._changed.wait(_RETRY_SECONDS)
        self._has_ended = True

    def _send(self) -> None:
        """With a producer that lives as long as this call."""
        if not self._topic_exists:
            self._create_topic()
        if not self._goes_on:
            return
        self._broken = False
        producer = Producer(self._settings())
        while self._goes_on and not self._broken:
            self._step(producer)
        if not self._is_over and not self._broken:
            self._serve(producer.flush, _PAUSE_SECONDS)
        # Everything in the producer is reported now, and so goes back to the outbox.
        producer.purge()
        deadline = time.monotonic() + _RETRY_SECONDS
        while len(producer) and (left := deadline - time.monotonic()) > 0:
            self._serve(producer.flush, left)

    def _create_topic(self) -> None:
        """Otherwise our first record would, on a broker that creates topics on first use, with the broker's defaults.

        Waits for a broker. One that does not let us create the topic is left to answer to the first record.
        """
        admin = AdminClient(self._client())
        # A call cannot be ended, and a fork waits for it: mostly short ones, and now and then one for a slow network.
        for seconds in itertools.cycle(_ASK_SECONDS):
            if self._is_answered(admin, seconds):
                self._ensure_topic(admin)
                self._topic_exists = True
            else:
                self._serve(admin.poll, 0)  # calls error_cb, which knows why there is no broker
                self._changed.wait(_RETRY_SECONDS / 4)
            if self._topic_exists or not self._goes_on:
                return

    def _is_answered(self, admin: AdminClient, seconds: float) -> bool:
        """There is a broker, whatever it says of the topic."""
        try:
            has_topic(admin, self._config.topic, seconds, await_done)
        except KafkaException as error:
            return bool(error.args[0].code() > 0)  # below: errors of the client
        return True

    def _ensure_topic(self, admin: AdminClient) -> None:
        try:
            ensure_logs_topic(self._config, admin, wait=await_done)
        except KafkaException as error:
            self._complain(error.args[0])

    def _client(self) -> dict[str, Any]:
        return {
            **client_settings(self._config, "logpost-handler"),
            # librdkafka would write to the stderr of the application; what matters comes to error_cb.
            "log_level": 0,
            "error_cb": self._complain,
        }

    def _settings(self) -> dict[str, Any]:
        return {
            **self._client(),
            "enable.idempotence": True,
            "compression.type": "zstd",
            "linger.ms": 50,
            "message.max.bytes": MAX_MESSAGE_BYTES,
            # The outbox bounds what is in memory, and a record stays there until it is acknowledged.
            "message.timeout.ms": 0,
            "queue.buffering.max.messages": 0,
        }

    def _step(self, producer: Producer) -> None:
        value = self._next(producer)
        if value is not None:
            try:
                producer.produce(self._config.topic, value, self._key, on_delivery=self._delivered)
            except KafkaException as error:
                self._is_alone = True
                self._failed(value, error.args[0])
        if self._is_alone or self._suspects:
            self._serve(producer.flush, _POLL_SECONDS)  # the client does not linger then
        else:
            self._serve(producer.poll, 0)

    def _next(self, producer: Producer) -> bytes | None:
        if self._is_alone or (self._suspects and len(producer)):
            return None
        if self._suspects:
            self._is_alone = True
            return self._suspects.popleft()
        return self.outbox.take(_POLL_SECONDS if len(producer) or self._is_retired else None)

    def _serve(self, wait: Callable[[float], object], seconds: float) -> None:
        """Take what the client has to report. It raises a fatal error out of this, at any report."""
        try:
            wait(seconds)
        except KafkaException as error:
            self._broken = True
            self._complain(error.args[0])

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        value = message.value()
        assert isinstance(value, bytes)
        if error is None:
            self._is_alone = False
            self.outbox.settle(value)
        else:
            self._failed(value, error)

    def _failed(self, value: bytes, error: KafkaError) -> None:
        was_alone, self._is_alone = self._is_alone, False
        if error.code() in _REFUSED_IN_BATCHES and not was_alone:
            self._suspects.append(value)
        elif error.code() in _REFUSED | _REFUSED_IN_BATCHES:
            self._complain(error)
            self.outbox.refuse(value, error.name())
        else:
            # Of a producer that pauses nothing is wrong: what it could not deliver in time is only sent again.
            self._broken = self._may_connect
            self._topic_exists = self._topic_exists and not self._broken
            self.outbox.put_back(value)
            if self._broken and error.code() > 0:  # below: the client's own, such as that it gives all back
                self._complain(error)

    def _complain(self, error: KafkaError) -> None:
        """Each kind of trouble once, on stderr, as `logging` does with its own. Not through `logging`: its locks may
        be held by a thread that waits for this one."""
        known = error.code() in self._complaints or error.code() == KafkaError._ALL_BROKERS_DOWN  # follows the reason
        if not known and logging.raiseExceptions and sys.stderr is not None:
            self._complaints.add(error.code())
            servers = self._config.bootstrap_servers
            sys.stderr.write(f"logpost: {unreachable(error.str(), servers) or f'{servers}: {error.str()}'}\n")
