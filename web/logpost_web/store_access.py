"""How the commands of the store come to it: by opening it, or through the web that has it open; and what they show."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from logpost.addresses import local_url
from logpost.config import Config
from logpost.errors import InUseError, LogpostError

LONGEST_SECONDS = 24 * 3600.0
"""How long a web may take to read all of its store."""


def on_store(
    config: Config,
    stopped: Callable[[Config, Path], dict[str, Any]],
    running: Callable[[], dict[str, Any]],
    *,
    may_begin: bool = False,
) -> dict[str, Any]:
    """`may_begin`: a new store, in a data directory that is there. Raises LogpostError when there is no store, or it
    can be neither opened nor asked."""
    directory = config.data_directory() / "store"
    if not (directory.parent if may_begin else directory).is_dir():
        raise LogpostError(f"there is no store in {directory.parent}: name its data directory with --data")
    try:
        return stopped(config, directory)
    except InUseError:
        return running()


def ask(config: Config, method: str, path: str, **parameters: str) -> dict[str, Any]:
    """What the web answers. Raises LogpostError."""
    with asked(config, method, path, **parameters) as response:
        return _read(response, path)


def post(config: Config, path: str, body: dict[str, str]) -> dict[str, Any]:
    """What the web answers to a body of JSON. Raises LogpostError."""
    with _open(config, "POST", path, "", json.dumps(body).encode()) as response:
        return _read(response, path)


def _read(response: HTTPResponse, path: str) -> dict[str, Any]:
    text = response.read()
    try:
        return dict(json.loads(text)) if text else {}
    except ValueError as error:
        raise LogpostError(f"{path} of logpost web answers nothing that is known here: {error}") from error


def asked(config: Config, method: str, path: str, **parameters: str) -> HTTPResponse:
    """The answer, to be read. Raises LogpostError."""
    return _open(config, method, path, f"?{urllib.parse.urlencode(parameters)}" if parameters else "", None)


def _open(config: Config, method: str, path: str, query: str, body: bytes | None) -> HTTPResponse:
    address = local_url(config.web.listen, config.web.port) + path
    request = urllib.request.Request(address + query, body, method=method)
    try:
        response: HTTPResponse = urllib.request.urlopen(request, timeout=LONGEST_SECONDS)
    except (OSError, ValueError) as error:
        why = _said_by_web(error) or error
        raise LogpostError(f"{address} does not do it: {why}") from error
    return response


def _said_by_web(error: Exception) -> str:
    """Empty where it is not an answer of ours."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.load(error)["error"]["message"]) if isinstance(error, urllib.error.HTTPError) else ""
    return ""


def show_progress(text: str) -> None:
    if sys.stderr.isatty():
        say(text)


def say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def show(parsed: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    sys.stdout.write((json.dumps(result) if parsed.json else "\n".join(lines)) + "\n")
