"""Addresses as text: where parts listen, and where programs of this machine find them. Pure."""

from __future__ import annotations

LOOPBACK = ("127.0.0.1", "::1")
WILDCARDS = ("0.0.0.0", "::")


def local_host(listen: str) -> str:
    """By which programs of this machine reach what listens on `listen`."""
    return "localhost" if listen in WILDCARDS else listen


def local_url(listen: str, port: int) -> str:
    """Where programs of this machine find what listens on `listen`:`port`."""
    return f"http://{host_and_port(local_host(listen), port)}"


def host_and_port(host: str, port: int) -> str:
    """`[::1]:9092`, `localhost:9092`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
