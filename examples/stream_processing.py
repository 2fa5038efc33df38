"""Stream processing: every order becomes one invoice, exactly once, however often the program is killed.

python examples/stream_processing.py demo        # all of it: orders, a processor killed again and again, the check

python examples/stream_processing.py feed 1000   # 1000 orders
python examples/stream_processing.py process     # until Ctrl-C, or kill -9
python examples/stream_processing.py check       # is there one invoice for each order?
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from itertools import islice

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from connection import connect, ctrl_c, ensure_topic, everything, options

ORDERS, INVOICES = "orders", "invoices"
VAT_PERCENT = 19
BATCH = 50


def process(bootstrap: str, *, to_end: bool) -> None:
    """Consume orders, produce invoices, commit what was consumed: one transaction for all three."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "invoicing",
            # The same member before and after a crash: it goes on at once, nobody waits for its session to time out.
            "group.instance.id": "invoicing-1",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": to_end,
        }
    )
    # The same name before and after a crash: the new one ends the old one's transaction, and locks it out.
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "invoicing-1"})
    producer.init_transactions()
    consumer.subscribe([ORDERS])
    stop, at_end = ctrl_c(), False
    try:
        while not (at_end or stop.is_set()):
            orders, at_end = next_orders(consumer)
            if not orders:
                continue
            producer.begin_transaction()
            for order in orders:
                producer.produce(INVOICES, invoice(order), order.key())
            producer.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
            )
            producer.commit_transaction()
            print(f"{len(orders)} invoices", flush=True)
    finally:
        consumer.close()


def next_orders(consumer: Consumer) -> tuple[list[Message], bool]:
    """Some orders, and whether they are the last ones there are. Any error ends the program."""
    orders, at_end = [], False
    for message in consumer.consume(BATCH, timeout=0.5):
        error = message.error()
        if error is None:
            orders.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            at_end = True
        else:
            raise KafkaException(error)
    return orders, at_end


def invoice(order: Message) -> bytes:
    ordered = json.loads(order.value() or b"")
    return json.dumps({**ordered, "cents_with_vat": ordered["cents"] * (100 + VAT_PERCENT) // 100}).encode()


def feed(bootstrap: str, count: int) -> None:
    """Orders with the numbers that come after those already there."""
    first = sum(1 for _ in everything(bootstrap, ORDERS))
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
    for number in range(first, first + count):
        producer.produce(ORDERS, json.dumps({"order": number, "cents": random.randrange(100, 10_000)}), str(number))
    producer.flush()
    print(f"{count} orders")


def check(bootstrap: str) -> bool:
    """Whether each order has one invoice, as readers of committed records see them."""
    ordered = {message.key() for message in everything(bootstrap, ORDERS)}
    invoiced = Counter(message.key() for message in everything(bootstrap, INVOICES))
    missing = len(ordered - invoiced.keys())
    twice = sum(1 for count in invoiced.values() if count > 1)
    print(f"{len(ordered)} orders, {invoiced.total()} invoices: {missing} missing, {twice} more than once")
    return not missing and not twice


def demo(bootstrap: str, count: int, kills: int) -> bool:
    """Kill the processor (-9) in the middle of its work, again and again; then let it finish."""
    feed(bootstrap, count)
    command = [sys.executable, __file__, "--bootstrap", bootstrap, "process", "--to-end"]
    for kill in range(1, kills + 1):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as processor:
            for line in islice(processor.stdout or (), random.randrange(2, 5)):
                print(line, end="", flush=True)
            time.sleep(random.uniform(0, 0.02))  # somewhere in the next transaction
            processor.kill()
        print(f"kill -9, number {kill}", flush=True)
    subprocess.run(command, check=True)
    return check(bootstrap)


def main() -> int:
    parser = options(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("demo", "feed"):
        command = commands.add_parser(name)
        command.add_argument("count", type=int, nargs="?", default=1000, help="how many orders (default: 1000)")
    commands.choices["demo"].add_argument("--kills", type=int, default=5)
    commands.add_parser("process").add_argument("--to-end", action="store_true", help="end when no order is left")
    commands.add_parser("check")
    parsed = parser.parse_args()
    admin = connect(parsed.bootstrap)
    for topic in (ORDERS, INVOICES):
        ensure_topic(admin, topic)
    match parsed.command:
        case "demo":
            return 0 if demo(parsed.bootstrap, parsed.count, parsed.kills) else 1
        case "feed":
            feed(parsed.bootstrap, parsed.count)
        case "process":
            process(parsed.bootstrap, to_end=parsed.to_end)
        case "check":
            return 0 if check(parsed.bootstrap) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
