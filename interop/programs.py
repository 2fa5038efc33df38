"""The programs that both brokers are given. Each prints a transcript: one fact a line, nothing random or timed in it.

A program is told the broker by BOOTSTRAP_SERVERS and Apache Kafka's jars by KAFKA_LIBS. Each broker is new for each
run, so that topics and groups are there for the first time.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PATIENCE_SECONDS = 900.0
"""A bound for hangs. Alone, the slowest takes one minute; a busy machine makes Java wait ten times as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    directory: Path
    """Where its commands run."""
    command: tuple[str, ...]
    setup: tuple[tuple[str, ...], ...] = ()
    """What must be done once before, such as a build; it may fetch packages."""
    needs: tuple[str, ...] = ()
    """Executables without which it is left out."""
    needs_packages: tuple[str, ...] = ()
    """Packages of this Python without which it is left out."""
    seconds: float = PATIENCE_SECONDS
    """It is killed after so long."""


def python(name: str, package: str) -> Program:
    return Program(
        name=name,
        directory=HERE / "python",
        command=(sys.executable, f"{name.replace('-', '_')}_program.py"),
        needs_packages=(package,),
    )


def java(program: str) -> Program:
    """A class of `java/`; all of them are compiled together."""
    classes = "../../artifacts/interop/java"
    return Program(
        name=re.sub("(?<=[a-z])(?=[A-Z])", "-", program).lower(),
        directory=HERE / "java",
        setup=(("sh", "-c", f'javac -nowarn -proc:none -cp "$KAFKA_LIBS/*" -d {classes} *.java'),),
        command=("sh", "-c", f'exec java -Xmx384M -cp "{classes}:$KAFKA_LIBS/*" {program}'),
        needs=("java", "javac"),
    )


def quixstreams() -> Program:
    """It pins an older confluent-kafka than ours, and so has an environment of its own."""
    environment = "../../artifacts/interop/quixstreams"
    return Program(
        name="quixstreams",
        directory=HERE / "quixstreams",
        setup=(
            (sys.executable, "-m", "venv", environment),
            (f"{environment}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"),
        ),
        command=(f"{environment}/bin/python", "program.py"),
    )


def go(name: str) -> Program:
    """A folder of `go/` with a module of its own: each pins its client."""
    built = f"../../../artifacts/interop/go/{name}"
    return Program(
        name=f"go-{name.replace('_', '-')}",
        directory=HERE / "go" / name,
        setup=(("go", "build", "-o", built, "."),),
        command=(built,),
        needs=("go", "gcc"),
    )


def kafkajs() -> Program:
    installed = HERE.parent / "artifacts" / "interop" / "javascript"
    return Program(
        name="kafkajs",
        directory=HERE / "javascript",
        setup=(
            ("mkdir", "-p", str(installed)),
            ("cp", "package.json", "program.js", str(installed)),
            ("npm", "install", "--prefix", str(installed), "--silent", "--ignore-scripts", "--no-package-lock"),
        ),
        command=("node", str(installed / "program.js")),
        needs=("node", "npm"),
    )


PROGRAMS: tuple[Program, ...] = (
    python("confluent-kafka", "confluent_kafka"),
    python("aiokafka", "aiokafka"),
    python("kafka-python", "kafka"),
    java("JavaProducer"),
    java("JavaConsumer"),
    java("JavaShareConsumer"),
    java("JavaAdmin"),
    java("KafkaTools"),
    java("KafkaClientTools"),
    go("confluent_v1"),
    go("confluent_v2"),
    go("franz"),
    kafkajs(),
    Program(name="kcat", directory=HERE / "kcat", command=("sh", "program.sh"), needs=("kcat",)),
    quixstreams(),
)
