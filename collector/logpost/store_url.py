"""`store.url`: where the search store is."""

from __future__ import annotations

from logpost.errors import ConfigError

SCHEMES = ("chdb", "clickhouse", "clickhouses")


def scheme_and_rest(url: str) -> tuple[str, str]:
    """`chdb:///path` → (`chdb`, `/path`); the empty address is `chdb` at the default place. Raises ConfigError."""
    scheme, separator, rest = url.partition("://")
    if not url:
        return "chdb", ""
    if separator and scheme in SCHEMES:
        return scheme, rest
    # Not the address itself: it may hold a password.
    found = f"the scheme {scheme!r}" if separator else "an address without one"
    raise ConfigError(f"store.url: expected chdb:///path or clickhouse://user@host:8443/database, got {found}")
