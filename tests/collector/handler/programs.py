"""Programs that log through LogpostHandler, run in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.collector.handler.topics import Topic

# Python 3.12 warns of forks in programs with threads; that they go well is what these tests are about.
FORK_WARNING = "ignore:This process:DeprecationWarning"


def environment(topic: Topic, **more: str) -> dict[str, str]:
    """The handler's settings."""
    return {
        **os.environ,
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
        "LOGPOST_KAFKA_TOPIC": topic.name,
        **more,
    }


def run(script: str, topic: Topic, file: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `script` to its end; in `file`, where children must be able to import it. `more`: of the environment."""
    text = textwrap.dedent(script)
    if file is not None:
        file.write_text(text)
    return subprocess.run(
        [sys.executable, "-W", "error", "-W", FORK_WARNING, *(["-c", text] if file is None else [str(file)])],
        env=environment(topic, **more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
