"""The id of the one node; random ids, of clusters and topics, as Kafka makes and writes them."""

from __future__ import annotations

import base64
import uuid

NODE_ID = 1


def new_id() -> uuid.UUID:
    """As `written`, it does not begin with what Kafka's tools would take for an option."""
    while written(made := uuid.uuid4()).startswith("-"):
        pass
    return made


def written(made: uuid.UUID) -> str:
    """In 22 characters."""
    return base64.urlsafe_b64encode(made.bytes).decode().rstrip("=")
