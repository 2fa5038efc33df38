"""The topics as groups see them at one moment."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TopicImage:
    id: uuid.UUID
    partitions: int


@dataclass(frozen=True, slots=True)
class TopicsImage:
    version: int = -1
    """Equal versions are equal topics, while the broker runs."""
    topics: Mapping[str, TopicImage] = field(default_factory=dict)
    """By name."""

    def fingerprint(self, names: Iterable[str]) -> int:
        """Signed, 64 bits: another one when one of these topics comes, goes or grows. 0 when none of them is there."""
        known = sorted(name for name in names if name in self.topics)
        if not known:
            return 0
        digest = hashlib.blake2b(digest_size=8)
        for name in known:
            topic = self.topics[name]
            digest.update(f"{name}:{topic.id}:{topic.partitions};".encode())
        return int.from_bytes(digest.digest(), "big", signed=True)
