"""`broker`: whether it answers, lets this host in, and sends its clients where they can come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from logpost.doctor.checks.result import Result, fail, ok, warn

CHECK = "broker"

Cause = Literal["", "away", "name", "protocol", "sign-in", "certificate", "right", "not kafka", "other"]

REMEDIES: dict[str, str] = {
    "away": "start it there (`systemctl start logpost`), or correct kafka.bootstrap_servers; look at firewalls between",
    "name": "correct kafka.bootstrap_servers, or add the name to DNS or /etc/hosts",
    "protocol": "set kafka.security_protocol to what that port speaks, or name the port that speaks it",
    "sign-in": "correct kafka.sasl_mechanism, kafka.sasl_username and kafka.sasl_password",
    "certificate": "name the authority that signed it in kafka.ssl_ca_location, and the host as the certificate does",
    "right": "give kafka.sasl_username the right to do that (an ACL)",
    "not kafka": "correct kafka.bootstrap_servers: it names the port of something else",
    "other": "see the broker's own log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """`cause` is empty when it answered; else `text` is what the client said. `nodes`: the addresses that it gives its
    clients, and why each cannot be reached (empty: it can). `is_box_stopped`: it would be a part that does not run
    here, like all others. `metrics`: of `logpost_broker_*`, by the rest of the name, of one that runs here."""

    servers: str
    cause: Cause = ""
    text: str = ""
    nodes: Mapping[str, str]
    is_box_stopped: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


OF_METRICS = (
    (
        "offline_partitions",
        "partitions are out of use, since a write or sync failed",
        "see its log and `dmesg` for the disk, then restart it",
    ),
    (
        "damaged_bytes",
        "bytes of its topics are damaged, and passed over",
        "`logpost broker verify` names them; restore a backup if they matter: docs/operate.md",
    ),
)


def judge(facts: BrokerFacts) -> Iterator[Result]:
    for name, what, remedy in OF_METRICS:
        if count := facts.metrics.get(name, 0.0):
            yield fail(CHECK, f"{count:,.0f} {what}", remedy)
    if facts.cause:
        says = f"{facts.servers} cannot be used ({facts.cause}): {facts.text}"
        judged = warn if facts.cause == "away" and facts.is_box_stopped else fail
        yield judged(CHECK, says, REMEDIES[facts.cause])
        return
    unreachable = {node: why for node, why in facts.nodes.items() if why}
    for node, why in unreachable.items():
        yield fail(
            CHECK,
            f"{facts.servers} answers and sends its clients to {node}, which cannot be reached from here: {why}",
            "set broker.advertised_host there to a name or address that leads to it from here",
        )
    if not unreachable:
        yield ok(CHECK, f"{facts.servers} answers; its clients connect to {', '.join(facts.nodes)}")
