"""The programs in docs/handler.md run as they are printed, and their records arrive."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from logpost.config import KafkaConfig
from logpost.handler import LogpostHandler
from tests.collector.handler.topics import Topic

PAGE = (Path(__file__).parents[3] / "docs" / "handler.md").read_text()


def test_the_programs_of_the_page_run_and_their_records_arrive(topic: Topic) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for program in programs:
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env={
                **os.environ,
                "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
                "LOGPOST_KAFKA_TOPIC": topic.name,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    records = {record.message: record for record in topic.read(3)}
    assert {record.service for record in records.values()} == {"shop"}
    assert records["order 17 placed"].attrs["order"] == 17
    assert (records["no cart"].level, records["no cart"].attrs["exception.type"]) == ("error", "KeyError")
    assert records["stock is low"].attrs["left"] == 2


def test_every_setting_is_on_the_page() -> None:
    arguments = set(inspect.signature(LogpostHandler).parameters) - {"level"}
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == arguments
    for setting in set(KafkaConfig.__struct_fields__) - {"partitions"}:
        assert f"LOGPOST_KAFKA_{setting.upper()}" in PAGE
