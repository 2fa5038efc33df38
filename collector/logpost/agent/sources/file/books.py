"""What the parts of a tailer know together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from logpost.agent.metrics.counts import Counts
from logpost.agent.sources.file.beside import Listings
from logpost.agent.sources.file.file_set import NewStream
from logpost.agent.sources.file.held import HeldCopies
from logpost.agent.sources.file.known import KnownStreams
from logpost.agent.sources.file.packed_files import PackedFiles
from logpost.agent.sources.file.reports import Reports
from logpost.agent.sources.file.rotated import RotatedFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    known: KnownStreams
    held: HeldCopies
    packed: PackedFiles
    rotated: RotatedFiles
    listings: Listings
    """Of directories, as far as they were needed since the last look at names."""
    reports: Reports
    counts: Counts
    stream: NewStream
    new_id: Callable[[], str]
