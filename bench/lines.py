"""Lines as a fleet writes them, the same for the same seed: 24 services on 60 hosts write access lines, JSON,
key=value, stack traces and system logs, with trace ids, numbers and users.

Bursts keep a service busy for seconds, as in life, and one line in 5,000 is old. The words of messages are small
letters alone, so that stores that tell capital from small letters find the same lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

HOSTS = 60
SERVICES = ("checkout", "cart", "payments", "catalog", "search", "inventory", "shipping", "accounts", "gateway", "auth")
SYSTEM = ("sshd", "kernel", "cron", "systemd", "postfix", "dhclient")
SIDECARS = ("nginx", "envoy", "postgres", "redis", "kafka-consumer", "etl", "billing-worker", "mailer")
LEVELS = ("info",) * 80 + ("debug",) * 12 + ("warn",) * 5 + ("error",) * 3
WORDS = (
    *("order", "accepted", "rejected", "timeout", "retry", "connection", "refused", "upstream", "session"),
    *("token", "user", "item", "stock", "price", "currency", "invoice", "queue", "batch"),
    *("worker", "started", "finished", "cache", "miss", "hit", "evicted", "index", "page"),
    *("request", "response", "latency", "budget", "exceeded", "shard", "replica", "leader", "follower"),
    *("election", "partition", "commit", "rollback", "lock", "waited", "released", "thread", "pool"),
)
CLASSES = ("OrderService", "CartService", "StockView", "PriceList", "QuoteCache", "MailQueue", "LedgerStore")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"
RARE = "needle: index out of range in shard reallocation"
"""At the end of one line in so many, also of a short run: see RARE_EVERY."""
RARE_EVERY = 200_000
OLD_EVERY = 5_000


@dataclass(frozen=True, slots=True)
class Line:
    """`ns`: Unix nanoseconds of its time."""

    ns: int
    host: str
    service: str
    level: str
    message: str
    attrs: dict[str, object]
    trace_id: str = ""


Made = tuple[str, str, dict[str, object], str]
"""Level, message, attributes, trace id."""
Make = Callable[[random.Random], Made]


def fleet(count: int, *, start_ns: int, step_ns: int, seed: int = 1, with_old: bool = True) -> Iterator[Line]:
    """`count` lines, `step_ns` apart on average. `with_old`: one in OLD_EVERY is up to a day older."""
    kinds: list[tuple[str, Make]] = [
        *((service, _json) for service in SERVICES[:5]),
        *((service, _text) for service in SERVICES[5:]),
        *((service, _system) for service in SYSTEM),
        *((service, _access) for service in SIDECARS[:2]),
        *((service, _pairs) for service in SIDECARS[2:]),
    ]
    return written(kinds, count, start_ns=start_ns, step_ns=step_ns, seed=seed, with_old=with_old)


def names(count: int, *, start_ns: int, step_ns: int, seed: int = 1, with_old: bool = True) -> Iterator[Line]:
    """Lines with an id as the name of an attribute: each name is new."""
    chance = random.Random(seed)
    numbers = iter(range(count))

    def make(_: random.Random) -> Made:
        return "info", "x", {f"user_{seed}_{next(numbers)}_{chance.getrandbits(16):x}": 1}, ""

    return written([("checkout", make)], count, start_ns=start_ns, step_ns=step_ns, seed=seed, with_old=with_old)


def written(
    kinds: Sequence[tuple[str, Make]], count: int, *, start_ns: int, step_ns: int, seed: int, with_old: bool
) -> Iterator[Line]:
    """Lines of services of these kinds, the first more often than the last."""
    chance = random.Random(seed)
    weights = [1 / (rank + 1) for rank in range(len(kinds))]
    busy = chance.choices(kinds, weights, k=4)
    ns = start_ns
    for number in range(count):
        if number % 2_000 == 0:  # a burst ends and another begins
            busy[chance.randrange(len(busy))] = chance.choices(kinds, weights)[0]
        is_burst = chance.random() < 0.7
        service, make = busy[chance.randrange(len(busy))] if is_burst else chance.choices(kinds, weights)[0]
        ns += chance.randrange(2 * step_ns)
        level, message, attrs, trace = make(chance)
        if number % RARE_EVERY == RARE_EVERY // 2:
            message = f"{message} {RARE}"
        age = chance.randrange(86_400) * 10**9 if with_old and number % OLD_EVERY == 0 else 0
        host = f"host-{chance.randrange(HOSTS) if chance.random() < 0.5 else hash_of(service) % HOSTS:02d}"
        yield Line(ns - age, host, service, level, message, attrs, trace)


def hash_of(name: str) -> int:
    """The same in every process."""
    return sum(name.encode()) * 7


def value(line: Line) -> bytes:
    """The record's value."""
    seconds, rest = divmod(line.ns, 10**9)
    ts = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    record: dict[str, object] = {
        "ts": ts,
        "host": line.host,
        "service": line.service,
        "level": line.level,
        "message": line.message,
    }
    if line.attrs:
        record["attrs"] = line.attrs
    if line.trace_id:
        record["trace_id"] = line.trace_id
    return msgspec.json.encode(record)


def _phrase(chance: random.Random, words: int) -> str:
    return " ".join(chance.choices(WORDS, k=words))


def _json(chance: random.Random) -> tuple[str, str, dict[str, object], str]:
    attrs: dict[str, object] = {
        "user_id": chance.randrange(50_000),
        "duration_ms": round(chance.expovariate(0.02), 2),
        "status": chance.choice((200, 200, 200, 200, 201, 204, 301, 400, 404, 500, 503)),
        "path": f"/api/v1/{chance.choice(WORDS)}/{chance.randrange(2_000)}",
        "method": chance.choice(("GET", "GET", "POST", "PUT")),
    }
    if chance.random() < 0.1:
        attrs["http"] = {"client": {"address": _address(chance)}, "version": "1.1"}
    return chance.choice(LEVELS), _phrase(chance, chance.randrange(4, 12)), attrs, f"{chance.getrandbits(128):032x}"


def _text(chance: random.Random) -> tuple[str, str, dict[str, object], str]:
    level = chance.choice(LEVELS)
    message = (
        f"{_phrase(chance, chance.randrange(3, 10))} id={chance.getrandbits(32):08x} took {chance.randrange(900)} ms"
    )
    if level == "error" and chance.random() < 0.5:
        frames = (
            f"\n\tat com.example.{name}.run({name}.java:{chance.randrange(900)})"
            for name in chance.choices(CLASSES, k=chance.randrange(5, 25))
        )
        message = f"java.lang.IllegalStateException: {message}{''.join(frames)}"
    return level, message, {"thread": f"pool-{chance.randrange(8)}-thread-{chance.randrange(64)}"}, ""


def _access(chance: random.Random) -> tuple[str, str, dict[str, object], str]:
    status = chance.choice((200, 200, 200, 200, 200, 304, 404, 499, 500, 502))
    path = f"/{chance.choice(WORDS)}/{chance.randrange(5_000)}"
    size = chance.randrange(90_000)
    address = _address(chance)
    message = f'{address} - - "GET {path} HTTP/1.1" {status} {size} "-" "{BROWSER}"'
    attrs: dict[str, object] = {"status": status, "bytes": size, "path": path, "client": address}
    return "error" if status >= 500 else "warn" if status >= 400 else "info", message, attrs, ""


def _pairs(chance: random.Random) -> tuple[str, str, dict[str, object], str]:
    attrs: dict[str, object] = {
        "batch": chance.randrange(10**6),
        "rows": chance.randrange(20_000),
        "table": chance.choice(WORDS),
        "elapsed": round(chance.random() * 3, 3),
    }
    message = f"{_phrase(chance, 4)} " + " ".join(f"{name}={value}" for name, value in attrs.items())
    return chance.choice(LEVELS), message, attrs, ""


def _system(chance: random.Random) -> tuple[str, str, dict[str, object], str]:
    number = chance.randrange(60_000)
    message = chance.choice(
        (
            f"Failed password for invalid user {chance.choice(WORDS)} from {_address(chance)} port {number} ssh2",
            f"Accepted publickey for deploy from {_address(chance)} port {number}: RSA {chance.getrandbits(120):x}",
            f"[{number}.{chance.randrange(10**6):06d}] eth0: link becomes ready, queue {chance.randrange(16)}",
            f"(root) CMD (run-parts /etc/cron.hourly) pid {number}",
            f"Started Session {number} of user root.",
        )
    )
    return "info", message, {"pid": number}, ""


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(4)}.{chance.randrange(256)}.{chance.randrange(256)}"
