"""What a power cut would have cost, as far as files can tell. In plain sentences.

The files hold one certain line per partition, the recovery point, which the broker moves up every 30 seconds: below it
everything is on the disk. Under `flush = "commit"` the line that was acknowledged is further up, and lives in memory.
"""

from __future__ import annotations

from logpost_broker.verify.report import Report

MEANING = {
    "commit": (
        'Under flush = "commit" an answer to acks=all follows the sync of its records, so none of these was '
        "acknowledged and could be lost, except what was sent with acks=1 and not yet synced. While nobody writes, "
        "all of it is on the disk."
    ),
    "interval": (
        'Under flush = "interval" acknowledged records among these could be lost: what was written since the last '
        "sync, which comes every broker.flush_interval_ms. The files do not say when it was."
    ),
    "os": (
        'Under flush = "os" acknowledged records among these could be lost: what the operating system had not yet '
        "written, by Linux's defaults that of the last 30 seconds or so. The files do not say how much that is."
    ),
}


def cost_of_power_cut(report: Report) -> str:
    """`report` is complete."""
    records = sum(partition.unsynced_records for partition in report.partitions)
    size_bytes = sum(partition.unsynced_bytes for partition in report.partitions)
    if report.clean:
        return "A power cut would have cost nothing: the broker was stopped in order, and everything was synced."
    if not records:
        return "A power cut would have cost nothing: all records lie below the recovery points, so they are synced."
    return (
        f"A power cut would have spared every record below the recovery points. Beyond them lie {records:,} records "
        f"({size_bytes:,} bytes) that the files do not prove to be on the disk. {MEANING[report.flush]}"
    )
