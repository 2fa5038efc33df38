"""What `logpost store delete` says. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN_SERVICES = 10
RECORDED_LATER = "gone from the store; the next start of logpost web writes it to the topic of deletions"
"""Why one is not done on a box that is stopped."""


def counted_lines(counted: Mapping[str, Any]) -> Iterator[str]:
    """Of an answer to a dry run; of a box that is stopped it lacks what only a web that runs knows."""
    yield f"{counted['matched']:,} lines match"
    if not counted["matched"]:
        return
    if counted.get("oldest"):
        yield f"from {counted['oldest']} to {counted['newest']}"
    for one in counted["services"][:SHOWN_SERVICES]:
        service, rows = (one["service"], one["rows"]) if isinstance(one, dict) else one
        yield f"  {service or '-'}: {rows:,}"
    if counted.get("lacks_bytes"):
        yield f"they are hidden at once; to remove them from the disk it lacks {counted['lacks_bytes']:,} bytes"
    if counted.get("not_indexed"):
        yield f"{counted['not_indexed']:,} records are not indexed yet: what of them matches is not deleted"
    for one in counted.get("kept", ()):
        until = f"until {one['until']} at the latest" if one["until"] else one["reason"]
        yield f"the topic {one['topic']} keeps their bytes: {until}"
    for one in counted.get("backups", ()):
        yield f"the backup {one['directory']} of {one['made']} may have them: make it again afterwards"


def deletion_line(deletion: Mapping[str, Any]) -> str:
    if not deletion["id"]:
        return "nothing is deleted"
    parts = f", {deletion['parts_done']} of {deletion['parts']} parts written again" if deletion["parts"] else ""
    reason = f": {deletion['reason']}" if deletion["reason"] else ""
    return f"{deletion['id']} {deletion['state']}: {deletion['matched']:,} lines{parts}{reason}"
