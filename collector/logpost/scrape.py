"""What a part says of itself over HTTP, from this machine: its metrics, and answers of the web."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from logpost.errors import LogpostError

Samples = dict[str, list[tuple[dict[str, str], float]]]
"""Name → labels and value of each."""


class UnansweredError(LogpostError):
    """Nobody answers there, or somebody else does."""


def fetch(address: str, seconds: float) -> tuple[int, bytes]:
    """Status and body, whatever the status. Raises UnansweredError."""
    status, body, _ = _fetch(address, seconds)
    return status, body


def _fetch(address: str, seconds: float) -> tuple[int, bytes, str]:
    try:
        with _OPENER.open(address, timeout=seconds) as response:
            return response.status, response.read(), response.headers.get("date", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("date", "")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise UnansweredError(str(getattr(reason, "strerror", None) or reason or type(error).__name__)) from error


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""A proxy for the world outside knows nothing of this machine."""


def samples(address: str, seconds: float) -> Samples:
    """Of a page of metrics. Raises UnansweredError."""
    status, body = fetch(address, seconds)
    if status != 200:
        raise UnansweredError(f"it answers {status}")
    found: Samples = {}
    try:
        for family in text_string_to_metric_families(body.decode()):
            for one in family.samples:
                found.setdefault(one.name, []).append((dict(one.labels), one.value))
    except ValueError as error:
        raise UnansweredError("these are no metrics of Prometheus") from error
    return found


def total(found: Samples, name: str) -> float:
    """Over all labels; 0 where there is none."""
    return sum(value for _, value in found.get(name, ()))


def answer(address: str, seconds: float) -> Any:
    """The JSON of an answer, whatever its status. Raises UnansweredError."""
    status, body = fetch(address, seconds)
    try:
        return json.loads(body)
    except ValueError as error:
        raise UnansweredError(f"what answers there (status {status}) is not logpost") from error


def clock(address: str, seconds: float) -> float | None:
    """The server's clock, Unix seconds to the full second; None where it does not say. Raises UnansweredError."""
    try:
        return parsedate_to_datetime(_fetch(address, seconds)[2]).timestamp()
    except (ValueError, TypeError):
        return None
