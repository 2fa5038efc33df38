"""Who this store is in the indexer's group: a static member (KIP-345), so that one that was killed gets its partitions
back at once. Its id is kept beside the store."""

from __future__ import annotations

import contextlib
import logging
import re
import uuid
from pathlib import Path

_INSTANCE_ID = re.compile(r"[\w.-]{1,249}", re.ASCII)
"""What Kafka takes for one."""

log = logging.getLogger("indexer")


def instance_id(directory: Path) -> str:
    """One per store, kept beside it: a second web with a store of its own is another member."""
    file = directory / "group-instance-id"
    with contextlib.suppress(FileNotFoundError):
        kept = file.read_text(encoding="ascii", errors="replace").strip()
        if _INSTANCE_ID.fullmatch(kept):
            return kept
        log.warning("%s holds no group instance id: making another one", file)
    made = f"indexer-{uuid.uuid4()}"
    new = file.with_suffix(".new")
    new.write_text(made, encoding="ascii")
    new.replace(file)
    return made
