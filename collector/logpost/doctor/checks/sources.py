"""`sources`: whether the agent may read what it is told to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "sources"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesFacts:
    """Of one `[[agent.source]]` of files, by its `key`, or of the host's logs, which nobody asked for by name
    (`is_default`). `denied`: the first file or directory that `user` may not read, `denied_count`: how many there are.
    `hidden`: the first file that is there, but not for the process of the agent."""

    key: str
    patterns: tuple[str, ...]
    files: int
    user: str
    denied: str = ""
    denied_count: int = 0
    hidden: str = ""
    error: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFacts:
    """Of a source of the journal. `has_program`: journalctl is there. `is_default`: as of files."""

    key: str
    user: str
    has_program: bool
    may_read: bool
    is_default: bool = False


def judge(sources: Sequence[FilesFacts | JournalFacts]) -> Iterator[Result]:
    found = [result for facts in sources for result in _judge(facts)]
    yield from found
    if not found:
        files = sum(facts.files for facts in sources if isinstance(facts, FilesFacts))
        yield ok(CHECK, f"{files:,} files can be read")


def _judge(facts: FilesFacts | JournalFacts) -> Iterator[Result]:
    if isinstance(facts, JournalFacts):
        yield from _journal(facts)
        return
    shown = ", ".join(facts.patterns)
    if facts.error:
        yield fail(CHECK, f"{facts.key}: {facts.error}", "correct its paths: `logpost config check`")
    elif facts.hidden:
        yield fail(
            CHECK,
            f"{facts.key}: {facts.hidden} is there, and hidden from the agent by its unit",
            "`systemctl edit logpost-agent`: ProtectHome=read-only for /home, PrivateTmp=no for /tmp",
        )
    elif facts.denied:
        more = f", and {facts.denied_count - 1:,} more" if facts.denied_count > 1 else ""
        judged = warn if facts.is_default else fail
        yield judged(
            CHECK,
            f"{facts.key}: user {facts.user} may not read {facts.denied}{more}",
            "let a group of that user read it (adm reads most), or give the agent CAP_DAC_READ_SEARCH: docs/install.md",
        )
    elif not facts.files and not facts.is_default:
        yield warn(CHECK, f"{facts.key}: no file is called {shown}", "correct its paths, or wait until there is one")


def _journal(facts: JournalFacts) -> Iterator[Result]:
    if not facts.has_program:
        yield fail(CHECK, f"{facts.key}: journalctl is not installed", "install systemd, or take out the source")
    elif not facts.may_read:
        judged = warn if facts.is_default else fail
        yield judged(
            CHECK,
            f"{facts.key}: user {facts.user} may not read the journal, which then looks empty",
            f"`usermod -aG systemd-journal {facts.user}` and restart the agent",
        )
