"""The commands of docs/topics.md, one after the other, as they are written."""

import re
import subprocess
import sys
from pathlib import Path

from logpost_broker import Broker

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "topics.md").read_text()
COMMANDS = [command.replace("\\|", "|") for command in re.findall(r"^\| `(.*?)` \| ", PAGE, flags=re.MULTILINE)]


def test_every_command_of_the_page_does_what_it_says(broker: Broker) -> None:
    environment = {
        "PATH": "/usr/bin:/bin",
        "LOGPOST_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
    }
    printed = {}
    for command in COMMANDS:
        here = command.replace("logpost topics", f"{sys.executable} -m logpost topics")
        ended = subprocess.run(here, shell=True, env=environment, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stderr) == (0, ""), command
        printed[command] = ended.stdout
    assert len(printed) == 10
    assert printed["logpost topics list"].split() == ["TOPIC", "PARTITIONS", "carts", "4", "letters", "1"]
    letters = ["Dear Ada", "Dear Alan", "Dear Ada, again", "one", "two"]
    assert printed["logpost topics consume letters"].splitlines() == letters
    assert len(printed["logpost topics consume letters --limit 2 --json"].splitlines()) == 2
