"""What somebody who helps needs to see, in one archive: what the checks found, the status, the settings and the ends of
the logs, without secrets. It can be made while nothing runs, or with a configuration that nothing can start with."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from logpost import scrape
from logpost.addresses import local_url
from logpost.config import Loaded, settings
from logpost.errors import LogpostError
from logpost.processes import PARTS
from logpost.redaction import masked, redacted, redacted_json, secrets_in
from logpost.status.gathering import gather, tail

LOG_BYTES = 1024 * 1024
"""Of the end of each log."""
MOST_LISTED = 20_000
LEFT_OUT = """What this archive leaves out:
- the lines of the logs that are shipped, and the records of topics and store;
- the configuration file itself with its comments: settings.txt has its values, passwords and the like as …;
- of addresses the part before the @ and the part behind the ?;
- the environment, but for the names of variables LOGPOST_…;
- files of keys and certificates;
- in what parts said (log/): whatever is a secret by the settings or the environment, or looks like one;
- logs of parts that are units of their own: `journalctl -u 'logpost*' --since -1h`.
"""


def write_bundle(file: Path, loaded: Loaded, config_file: Path | None, checks: str) -> None:
    """`checks`: as `--json` prints them. For its owner alone. Raises LogpostError."""
    secrets = _secrets(loaded, config_file)
    made = file.with_name(f"{file.name}.new")
    try:
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # in /tmp somebody else may be first
        with os.fdopen(descriptor, "wb") as opened, tarfile.open(fileobj=opened, mode="w:gz") as archive:
            for name, text in _contents(loaded, checks, secrets):
                shown = redacted_json(text, secrets) if name.endswith(".json") else redacted(text, secrets)
                content = shown.encode(errors="backslashreplace")
                entry = tarfile.TarInfo(f"logpost-bundle/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(time.time()), 0o600
                archive.addfile(entry, io.BytesIO(content))
        made.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            made.unlink(missing_ok=True)
        raise LogpostError(f"cannot write {file}: {error.strerror}") from error


def _secrets(loaded: Loaded, config_file: Path | None) -> frozenset[str]:
    text = ""
    if config_file is not None:
        with contextlib.suppress(OSError):
            text = config_file.read_text(errors="replace")
    return secrets_in(settings(loaded.config), os.environ, text)


def _contents(loaded: Loaded, checks: str, secrets: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    data = loaded.config.data_directory()
    yield "left-out.txt", LEFT_OUT
    yield "doctor.json", checks
    yield "status.json", msgspec.json.format(msgspec.json.encode(gather(loaded.config, secrets))).decode()
    yield "settings.txt", "".join(f"{line}\n" for line in _settings(loaded))
    yield "environment.txt", "".join(f"{name}\n" for name in sorted(os.environ) if name.startswith("LOGPOST_"))
    yield "host.txt", f"{platform.platform()}\n{_read(Path('/etc/os-release'))}\n{_read(Path('/proc/meminfo'))}"
    yield "files.txt", "".join(f"{line}\n" for line in _listing(data))
    yield from _metrics(loaded)
    for file in sorted((data / "log").glob("*.log")):
        with contextlib.suppress(OSError):
            yield f"log/{file.name}", tail(file, LOG_BYTES)


def _settings(loaded: Loaded) -> Iterator[str]:
    for key, value in settings(loaded.config).items():
        origin = loaded.origins.get(key, "default").partition(" (")[0]
        yield f"{key} = {msgspec.json.encode(masked(key, value)).decode()}  # {origin}"


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError as error:
        return f"{file}: {error.strerror}\n"


def _listing(data: Path) -> Iterator[str]:
    """Mode, owner, size, time of change and name of what is in the data directory."""
    left = MOST_LISTED
    for part in PARTS.values():
        for place, folders, files in os.walk(data / part):
            for name in (*folders, *files):
                path = Path(place, name)
                with contextlib.suppress(OSError):
                    one = path.lstat()
                    shown = str(path.relative_to(data))
                    yield f"{one.st_mode:06o} {one.st_uid}:{one.st_gid} {one.st_size} {one.st_mtime:.0f} {shown}"
                left -= 1
                if left == 0:
                    yield "…"
                    return


def _metrics(loaded: Loaded) -> Iterator[tuple[str, str]]:
    config = loaded.config
    for part, address in (
        ("web", f"{local_url(config.web.listen, config.web.port)}/metrics"),
        ("broker", f"{local_url(config.broker.listen, config.broker.metrics_port)}/metrics"),
        ("agent", f"http://localhost:{config.agent.metrics_port}/metrics"),
    ):
        with contextlib.suppress(scrape.UnansweredError):
            yield f"metrics/{part}.txt", scrape.fetch(address, 10.0)[1].decode(errors="replace")
