"""Event sourcing: shopping carts that are nowhere but in a topic. Each run of this program replays them.

python examples/event_sourcing.py put ada apples 3    # three apples in Ada's cart
python examples/event_sourcing.py put ada pears 1
python examples/event_sourcing.py put ada apples 5    # now five
python examples/event_sourcing.py drop ada pears
python examples/event_sourcing.py show                # the carts: what is left of all that
python examples/event_sourcing.py history             # the events that made them
python examples/event_sourcing.py shop                # customers, until Ctrl-C or kill -9
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from confluent_kafka import KafkaError, Message, Producer

from connection import connect, ctrl_c, ensure_topic, everything, options

CARTS = "carts"
CUSTOMERS, ITEMS = ("ada", "alan", "grace"), ("apples", "pears", "plums", "bread")


@dataclass(frozen=True)
class Event:
    """So many of an item are in a customer's cart from now on. An event that says so, and not `two more`, replaces all
    earlier ones of its key: that is what lets the topic be compacted."""

    customer: str
    item: str
    quantity: int

    @classmethod
    def of(cls, message: Message) -> Event:
        customer, item = (message.key() or b"").decode().split("/")
        return cls(customer, item, int(message.value() or b"0"))

    def key(self) -> str:
        return f"{self.customer}/{self.item}"

    def value(self) -> bytes | None:
        """None for what is no longer there: compaction removes the key."""
        return str(self.quantity).encode() if self.quantity else None


Carts = dict[str, dict[str, int]]


def apply(carts: Carts, event: Event) -> None:
    """The only place where a cart changes, at a replay and while shopping alike."""
    cart = carts.setdefault(event.customer, {})
    if event.quantity:
        cart[event.item] = event.quantity
    else:
        cart.pop(event.item, None)


def replay(events: Iterable[Event]) -> Carts:
    carts: Carts = {}
    for event in events:
        apply(carts, event)
    return carts


def history(bootstrap: str) -> Iterator[Event]:
    return (Event.of(message) for message in everything(bootstrap, CARTS))


class Store:
    """The end of the topic that is written to."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
        self._failure: KafkaError | None = None

    def append(self, event: Event) -> None:
        """Returns when the event is on the broker's disk: only then it has happened."""
        self._producer.produce(CARTS, event.value(), event.key(), on_delivery=self._delivered)
        self._producer.flush()
        if self._failure is not None:
            raise RuntimeError(f"the event did not happen: {self._failure.str()}")

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        self._failure = error


def shop(bootstrap: str) -> None:
    """Customers who cannot make up their minds."""
    carts, store = replay(history(bootstrap)), Store(bootstrap)
    stop = ctrl_c()
    while not stop.is_set():
        event = Event(random.choice(CUSTOMERS), random.choice(ITEMS), random.randrange(6))
        store.append(event)
        apply(carts, event)
        print(shown(carts), flush=True)


def shown(carts: Carts) -> str:
    """`ada: apples 5, bread 1; alan: plums 2`."""
    filled = {customer: cart for customer, cart in sorted(carts.items()) if cart}
    return "; ".join(
        f"{customer}: " + ", ".join(f"{item} {quantity}" for item, quantity in sorted(cart.items()))
        for customer, cart in filled.items()
    )


def name_of(text: str) -> str:
    if not text.isalnum():
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of letters and digits")
    return text


def main() -> int:
    parser = options(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("put", "drop"):
        command = commands.add_parser(name)
        command.add_argument("customer", type=name_of)
        command.add_argument("item", type=name_of)
    commands.choices["put"].add_argument("quantity", type=int)
    for name in ("show", "history", "shop"):
        commands.add_parser(name)
    parsed = parser.parse_args()
    ensure_topic(connect(parsed.bootstrap), CARTS, cleanup_policy="compact", min_cleanable_dirty_ratio="0.1")
    match parsed.command:
        case "put" | "drop":
            quantity = parsed.quantity if parsed.command == "put" else 0
            Store(parsed.bootstrap).append(Event(parsed.customer, parsed.item, quantity))
        case "shop":
            shop(parsed.bootstrap)
        case "history":
            for event in history(parsed.bootstrap):
                print(f"{event.customer}: {event.item} {event.quantity}")
            return 0
    print(shown(replay(history(parsed.bootstrap))) or "all carts are empty")
    return 0


if __name__ == "__main__":
    sys.exit(main())
