"""The background thread of a handler: owns the Kafka producer, moves records from the outbox to the broker."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from logpost.config import KafkaConfig
from logpost.handler.outbox import Outbox
from logpost.kafka import MAX_MESSAGE_BYTES, client_settings, ensure_logs_topic

_POLL_SECONDS = 0.05
"""How often acknowledgements are looked for while some are due and nothing else is to send."""
_RETRY_SECONDS = 1.0
_PAUSE_SECONDS = 0.1
"""How long a producer that pauses waits for what is on its way. What stays goes out twice, under one number."""
_REFUSED = frozenset(
    (
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.POLICY_VIOLATION,
    )
)
"""What stays an error however often the record is sent. After any other (the topic is gone, the producer is fenced) it
is sent again by a new producer."""


class Sender(threading.Thread):
    """Runs until `stop`.

    The producer is a local of the thread, made in it: in a forked child, where the thread is gone, nothing refers to
    librdkafka's half copied state, and so nothing ever tries to end it. Around a fork there should be no producer at
    all (`pause`, `resume`): its threads look up host names, and a child that is made meanwhile inherits the locks of
    glibc's resolver as taken, for ever.
    """

    def __init__(self, outbox: Outbox, config: KafkaConfig, key: bytes) -> None:
        super().__init__(name="logpost", daemon=True)
        self._outbox = outbox
        self._config = config
        self._key = key
        self._stopping = threading.Event()
        self._may_connect = threading.Event()
        self._may_connect.set()
        self._is_connected = False
        self._topic_exists = False
        self._disconnected = threading.Condition()
        self._broken = False
        self._complaints: set[int] = set()

    def stop(self) -> None:
        self._stopping.set()
        self._may_connect.set()
        self._outbox.wake()

    def pause(self) -> None:
        """Ask for the end of the producer and its threads; `paused` waits for it."""
        self._may_connect.clear()
        self._outbox.wake()

    def paused(self, seconds: float) -> bool:
        """Whether they have ended; waits for that, at most `seconds`."""
        with self._disconnected:
            return self._disconnected.wait_for(lambda: not self._is_connected, seconds)

    def resume(self) -> None:
        self._may_connect.set()

    @property
    def _goes_on(self) -> bool:
        return self._may_connect.is_set() and not self._stopping.is_set()

    def run(self) -> None:
        while not self._stopping.is_set():
            with self._disconnected:
                self._is_connected = self._may_connect.is_set()
            if self._is_connected:
                self._send()
            with self._disconnected:
                self._is_connected = False
                self._disconnected.notify_all()
            if self._broken:
                self._stopping.wait(_RETRY_SECONDS)
            self._may_connect.wait()

    def _send(self) -> None:
        """With a producer that lives as long as this call."""
        if not self._topic_exists:
            self._create_topic()
        self._broken = False
        producer = Producer(self._settings())
        while self._goes_on and not self._broken:
            self._step(producer)
        if not self._stopping.is_set() and not self._broken:
            producer.flush(_PAUSE_SECONDS)
        # Everything in the producer is reported now, and so goes back to the outbox.
        producer.purge()
        producer.flush(_RETRY_SECONDS)

    def _create_topic(self) -> None:
        """Otherwise our first record would, on a broker that creates topics on first use, with the broker's defaults.

        Waits for a broker. One that does not let us create the topic is left to answer to the first record.
        """
        admin = AdminClient(self._client())
        while self._goes_on:
            try:
                admin.list_topics(timeout=_RETRY_SECONDS)
                self._ensure_topic(admin)
                self._topic_exists = True
                return
            except KafkaException:
                admin.poll(0)  # calls error_cb, which knows the reason
                self._stopping.wait(_RETRY_SECONDS / 4)

    def _ensure_topic(self, admin: AdminClient) -> None:
        try:
            ensure_logs_topic(self._config, admin)
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
        value = self._outbox.take(_POLL_SECONDS if len(producer) else None)
        if value is not None:
            try:
                producer.produce(self._config.topic, value, self._key, on_delivery=self._delivered)
            except KafkaException as error:
                self._failed(value, error.args[0])
        producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        value = message.value()
        assert isinstance(value, bytes)
        if error is None:
            self._outbox.settle(value)
        else:
            self._failed(value, error)

    def _failed(self, value: bytes, error: KafkaError) -> None:
        if error.code() in _REFUSED:
            self._complain(error)
            self._outbox.refuse(value, error.name())
        else:
            # Of a producer that pauses nothing is wrong: what it could not deliver in time is only sent again.
            self._broken = self._may_connect.is_set()
            self._topic_exists = self._topic_exists and not self._broken
            self._outbox.put_back(value)

    def _complain(self, error: KafkaError) -> None:
        """Each kind of trouble once, on stderr, as `logging` does with its own. Not through `logging`: its locks may
        be held by a thread that waits for this one."""
        known = error.code() in self._complaints or error.code() == KafkaError._ALL_BROKERS_DOWN  # follows the reason
        if not known and logging.raiseExceptions and sys.stderr is not None:
            self._complaints.add(error.code())
            sys.stderr.write(f"logpost: {self._config.bootstrap_servers}: {error.str()}\n")
