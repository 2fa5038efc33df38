"""`/packages/`: the agent's packages, which other hosts fetch from the box; the files themselves lie beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from logpost_web.pages.templates import render

INSTALLED = Path("/usr/share/logpost/agents")
CLONE = Path(__file__).parents[3] / "packaging"
DIRECTORY = CLONE / "build" / "dist" if CLONE.exists() else INSTALLED
"""What the box's package brought; from a clone what `make package` made."""
SUMS = "SHA256SUMS"
HOSTS = {
    ".deb": ("Debian, Ubuntu", "apt-get install ./{name}"),
    ".rpm": ("Fedora, RHEL, SUSE", "dnf install ./{name}"),
    ".gz": ("Any Linux, from any directory", "tar -xzf {name}"),
}
"""By the end of a file's name: which hosts take it, and how."""
PROCESSORS = {"amd64": ", x86-64", "x86_64": ", x86-64", "arm64": ", ARM of 64 bits", "aarch64": ", ARM of 64 bits"}


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    megabytes: float
    hosts: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesPage:
    """Context of `packages.html`. `address`: web.external_url, or else as the reader wrote it,
    without a slash at the end."""

    address: str
    packages: list[Package]


async def packages_page(request: Request) -> Response:
    directory: Path = request.app.state.packages
    packages = await anyio.to_thread.run_sync(lambda: list(_packages(directory)))
    address = str(request.app.state.external_url or request.base_url).rstrip("/")
    return render("packages.html", PackagesPage(address=address, packages=packages))


async def package(request: Request) -> Response:
    """One of the files that the list names, or the list."""
    directory: Path = request.app.state.packages
    name = request.path_params["name"]
    listed = await anyio.to_thread.run_sync(lambda: {SUMS, *_listed(directory)})
    if name not in listed or not (directory / name).is_file():
        raise HTTPException(404)
    return FileResponse(directory / name)


def _packages(directory: Path) -> Iterator[Package]:
    names = sorted(name for name in _listed(directory) if name.startswith("logpost-agent"))
    for suffix, (hosts, command) in HOSTS.items():
        for name in names:
            file = directory / name
            if file.suffix == suffix and file.is_file():
                processor = next((words for part, words in PROCESSORS.items() if part in name), "")
                size = round(file.stat().st_size / 1e6, 1)
                yield Package(name, size, f"{hosts}{processor}", command.format(name=name))


def _listed(directory: Path) -> set[str]:
    """Names of files; none where there is no list, as while an upgrade exchanges it."""
    try:
        lines = (directory / SUMS).read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {name for name in (line.partition("  ")[2] for line in lines) if "/" not in name}
