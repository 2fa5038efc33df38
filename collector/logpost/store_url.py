"""`store.url`: where the search store is."""

from __future__ import annotations

from urllib.parse import urlsplit

from logpost.errors import ConfigError

SCHEMES = ("chdb", "clickhouse", "clickhouses")
EXAMPLE = "clickhouse://user@host:8443/database"


def scheme_and_rest(url: str) -> tuple[str, str]:
    """`chdb:///path` → (`chdb`, `/path`); the empty address is `chdb` at the default place. Raises ConfigError."""
    scheme, separator, rest = url.partition("://")
    if not url:
        return "chdb", ""
    if separator and scheme == "chdb" and not rest.startswith("/"):
        raise ConfigError("store.url: expected chdb:///path, got a path that depends on where logpost is started")
    if separator and scheme in SCHEMES:
        if scheme != "chdb" and not _names_a_server(url):
            raise ConfigError(f"store.url: expected {EXAMPLE}, got no host or no usable port")
        return scheme, rest
    # Not the address itself: it may hold a password.
    found = f"the scheme {scheme!r}" if separator else "an address without one"
    raise ConfigError(f"store.url: expected chdb:///path or {EXAMPLE}, got {found}")


def _names_a_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
