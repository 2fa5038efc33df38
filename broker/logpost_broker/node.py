"""A whole broker without sockets: what handlers talk to.

- `node.partitions`: topics, logs, metrics; `node.turns` is its own.
- `node.groups`, `node.shares`, `node.transactions`: the coordinators.
- `node.host`, `node.port`: where clients reach this broker, for FindCoordinator and Metadata.
"""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from logpost.config import BrokerConfig
from logpost_broker.byte_budget import ByteBudget
from logpost_broker.coordinator.journal import SNAPSHOT_BYTES
from logpost_broker.fetch_sessions import MAX_INT, FetchSessions
from logpost_broker.groups.service import GroupService
from logpost_broker.groups.share_service import ShareGroupService
from logpost_broker.log.files import Files
from logpost_broker.metadata.client_quotas import ClientQuotas
from logpost_broker.metadata.group_limits import ShareLimits
from logpost_broker.metadata.scram_credentials import ScramCredentials
from logpost_broker.partitions.directory import Advance, silent
from logpost_broker.partitions.partitions import Partitions
from logpost_broker.transactions.service import TransactionService
from logpost_broker.turns import Turns
from logpost_broker.upkeep.cleaner import Cleaner
from logpost_broker.upkeep.producer_expiration import ProducerExpiration
from logpost_broker.upkeep.retention import RetentionService


class Node:
    def __init__(
        self,
        config: BrokerConfig,
        directory: Path,
        *,
        host: str,
        port: int,
        files: Files | None = None,
        snapshot_bytes: int = SNAPSHOT_BYTES,
        share_limits: ShareLimits | None = None,
    ) -> None:
        """`host` and `port` are where clients reach this broker. `snapshot_bytes`: how much coordinators journal until
        they write their state again; `share_limits` of all share groups. The rest as for `Partitions`, whose errors it
        raises."""
        self.host = host
        self.port = port
        self.partitions = partitions = Partitions(config, directory, files=files)
        self.cluster_id = partitions.metadata.content.cluster_id
        self.client_quotas = ClientQuotas(partitions.metadata)
        self.scram_credentials = ScramCredentials(partitions.metadata)
        self.reading = ByteBudget(config.queued_max_request_bytes, "broker.queued_max_request_bytes")
        self.unsent = ByteBudget(config.queued_max_answer_bytes, "broker.queued_max_answer_bytes")
        self.fetch_sessions = FetchSessions(lambda: random.randint(1, MAX_INT))
        self.groups = GroupService(partitions, snapshot_bytes, share_limits)
        self.shares = ShareGroupService(partitions, self.groups, snapshot_bytes)
        self.transactions = TransactionService(partitions, self.groups, snapshot_bytes=snapshot_bytes)
        self.retention = RetentionService(partitions, self._committed)
        self.cleaner = Cleaner(partitions)
        self.producer_expiration = ProducerExpiration(partitions)
        partitions.metrics.watch_sessions(self.fetch_sessions)
        partitions.metrics.watch_budgets(self.reading, self.unsent)

    @property
    def turns(self) -> Turns:
        return self.partitions.turns

    def _committed(self, group_id: str) -> dict[tuple[str, int], int]:
        return {place: event.offset for place, event in self.groups.core.offsets.committed(group_id).items()}

    def open(self, advance: Advance = silent) -> None:
        """Recover the logs; `advance` as for `LogDirectory.open`. Raises StartError when the directory cannot be read
        or written."""
        self.partitions.open(advance)

    def reconfigure(self, file: BrokerConfig) -> None:
        """The file has other settings."""
        self.partitions.settings.file = file
        self.partitions.reconfigure()
        self.reading.limit_bytes = file.queued_max_request_bytes
        self.unsent.limit_bytes = file.queued_max_answer_bytes

    async def start(self, advance: Advance = silent) -> None:
        """Start the flusher, then the coordinators, and what runs in the background. `advance` as for
        `LogDirectory.open`."""
        self.partitions.flusher.start()
        self.partitions.advance = partial(advance, "reading the groups")
        self.groups.start()
        self.partitions.advance = partial(advance, "reading the share groups")
        self.shares.start()
        self.partitions.advance = partial(advance, "reading the transactions")
        await self.transactions.start()
        self.partitions.advance = partial(silent, "")
        self.retention.start()
        self.cleaner.start()
        self.producer_expiration.start()

    async def stop(self, advance: Advance = silent) -> None:
        """Stop them in reverse, then close the logs as a clean shutdown; `advance` as for `LogDirectory.close`."""
        await self.partitions.appender.close()
        await self.producer_expiration.stop()
        await self.cleaner.stop()
        await self.retention.stop()
        await self.transactions.stop()
        self.shares.stop()
        self.groups.stop()
        await self.partitions.close(advance)
