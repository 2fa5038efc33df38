"""`names`: whether the names of the configuration lead somewhere, for this host and for others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "names"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFacts:
    """A name as it stands in `setting`. `error`: why it could not be looked up. `is_for_others`: other hosts are told
    to use it."""

    setting: str
    name: str
    addresses: tuple[str, ...]
    error: str = ""
    is_for_others: bool = False


def judge(names: Sequence[NameFacts]) -> Iterator[Result]:
    good = []
    for facts in names:
        loopback = [_is_loopback(address) for address in facts.addresses]
        if facts.error:
            yield fail(
                CHECK,
                f"{facts.setting}: {facts.name} has no address: {facts.error}",
                f"correct {facts.setting}, or add the name to DNS or /etc/hosts; see /etc/resolv.conf",
            )
        elif facts.name == "localhost" and not all(loopback):
            yield fail(
                CHECK,
                f"localhost is {', '.join(facts.addresses)}, which is not this host alone",
                'put "127.0.0.1 localhost" and "::1 localhost" into /etc/hosts',
            )
        elif facts.is_for_others and any(loopback):
            yield warn(
                CHECK,
                f"other hosts are told to connect to {facts.name}, which is {', '.join(facts.addresses)} here: "
                "there it may be they themselves",
                "set broker.advertised_host to a name or address that leads here from everywhere",
            )
        else:
            good.append(facts.name)
    if good:
        yield ok(CHECK, f"{', '.join(dict.fromkeys(good))} can be looked up")


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
