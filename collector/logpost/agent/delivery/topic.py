"""Makes the logs topic in the background, as often as it takes: files wait, the agent's start does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from logpost.config import KafkaConfig
from logpost.kafka import Complaints, client_settings, ensure_logs_topic
from logpost.said_once import SaidOnce

TRY_SECONDS = 5.0
RETRY_SECONDS = 0.5
CLOSE_SECONDS = 0.5
"""A request that is under way ends with the process."""


class TopicMaker:
    """`made` is set once the topic is there; `on_made` is then called from this object's thread."""

    def __init__(self, config: KafkaConfig, on_made: Callable[[], None]) -> None:
        self.made = threading.Event()
        self._config = config
        self._on_made = on_made
        self._stopped = threading.Event()
        self._log = logging.getLogger("agent")
        self._said = SaidOnce(self._log)
        self._thread = threading.Thread(target=self._run, name="topic", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        quiet = logging.getLogger("agent.librdkafka")
        quiet.setLevel(logging.CRITICAL)
        complaints = Complaints()
        settings: dict[str, Any] = {**client_settings(self._config, "logpost-agent"), "error_cb": complaints}
        admin = AdminClient(settings, logger=quiet)
        while not self._stopped.is_set():
            try:
                ensure_logs_topic(self._config, admin, TRY_SECONDS)
            except (KafkaException, TimeoutError) as error:
                admin.poll(0)  # hears complaints
                said = error.args[0].str() if isinstance(error, KafkaException) else "it does not answer"
                reason = complaints.cause or said
                self._said.warn(reason, "waiting for the broker at %s: %s", self._config.bootstrap_servers, reason)
                self._stopped.wait(RETRY_SECONDS)
                continue
            if self._said.all_over():
                self._log.info("the broker at %s is there", self._config.bootstrap_servers)
            self.made.set()
            self._on_made()
            return
