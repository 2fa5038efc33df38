"""A Java program of tests/interop/java, compiled once and run as a process that can be killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SOURCES = Path(__file__).parent / "java"
COMPILER = ("java", "-m", "jdk.compiler/com.sun.tools.javac.Main")


def compiled(program: str, libs: Path, directory: Path) -> str:
    """The class path of the program compiled into `directory`. Skips the test where Java has no compiler."""
    modules = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=True).stdout
    if "jdk.compiler" not in modules:
        pytest.skip("no Java compiler: apt install openjdk-17-jdk-headless")
    jars = ":".join(map(str, libs.glob("kafka-*.jar")))
    options = ("-proc:none", "-cp", jars, "-d", str(directory))
    subprocess.run([*COMPILER, *options, str(SOURCES / f"{program}.java")], check=True)
    return f"{directory}:{libs}/*"


@contextmanager
def running(class_path: str, program: str, *arguments: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end, if it has not ended. What it says goes to the end of `log`."""
    with log.open("ab") as output:
        command = ["java", "-Xmx256M", "-cp", class_path, program, *arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process:
            try:
                yield process
            finally:
                process.kill()
