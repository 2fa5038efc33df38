"""What a part of logpost says to Prometheus."""

from __future__ import annotations

import urllib.request


def metric(port: int, name: str) -> float:
    """The value of a sample without labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])
