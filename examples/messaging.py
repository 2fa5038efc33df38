"""Messaging: a queue of mails. Each is sent by one worker; what fails is tried again by another; what can never
succeed is thrown out.

    python examples/messaging.py work       # three workers, until Ctrl-C; start more in other terminals
    python examples/messaging.py post 20    # 20 mails, in another terminal
"""

from __future__ import annotations

import itertools
import sys
import threading
import time

from confluent_kafka import AcknowledgeType, KafkaException, Message, Producer, ShareConsumer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from connection import SECONDS, connect, ctrl_c, ensure_topic, options

MAILS, MAILERS = "mails", "mailers"
ADDRESSES = ("ada@example.org", "busy@example.org", "grace@example.org", "no address", "alan@example.org")


def send(address: str, attempt: int) -> None:
    """Stands for a mail server: one is busy at first, and one address is none."""
    time.sleep(0.1)
    if "@" not in address:
        raise ValueError(f"{address!r} is not an address")
    if address.startswith("busy") and attempt == 1:
        raise ConnectionError("the server is busy")


def work(bootstrap: str, name: str, stop: threading.Event) -> None:
    """A member of the share group: unlike a consumer group's, all its members may read from one partition."""
    worker = ShareConsumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": MAILERS,
            "share.acknowledgement.mode": "explicit",
            "max.poll.records": 1,  # take one mail and leave the others to the others
            "log_level": 3,  # librdkafka calls its share consumer a preview, at each start
        }
    )
    with worker:
        worker.subscribe([MAILS])
        while not stop.is_set():
            for mail in worker.poll(0.5):
                if mail.error():
                    raise KafkaException(mail.error())
                # The end of the line with it: the others print as well.
                print(f"{name}: {describe(mail)} {handle(worker, mail)}\n", end="", flush=True)
            worker.commit_sync()


def handle(worker: ShareConsumer, mail: Message) -> str:
    """Try to send it, and tell the broker what became of it."""
    attempt = mail.delivery_count() or 1
    try:
        send((mail.value() or b"").decode(), attempt)
    except ConnectionError as error:
        worker.acknowledge(mail, AcknowledgeType.RELEASE)  # another try, by anyone; five at most
        return f"released: {error}"
    except ValueError as error:
        worker.acknowledge(mail, AcknowledgeType.REJECT)  # never again
        return f"rejected: {error}"
    worker.acknowledge(mail, AcknowledgeType.ACCEPT)
    return "sent" if attempt == 1 else f"sent, at attempt {attempt}"


def describe(mail: Message) -> str:
    return f"mail {mail.offset()} to {(mail.value() or b'').decode()}"


def post(bootstrap: str, count: int) -> None:
    # A batch goes to one worker; here each mail is one.
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "batch.num.messages": 1})
    for address in itertools.islice(itertools.cycle(ADDRESSES), count):
        producer.produce(MAILS, address)
    producer.flush()
    print(f"posted {count} mails")


def begin_with_the_first(admin: AdminClient) -> None:
    """A new share group begins with what comes after it, unless it is told to take what is there already."""
    earliest = ConfigEntry("share.auto.offset.reset", "earliest", incremental_operation=AlterConfigOpType.SET)
    group = ConfigResource(ResourceType.GROUP, MAILERS, incremental_configs=[earliest])
    [altered] = admin.incremental_alter_configs([group]).values()
    altered.result(SECONDS)


def main() -> int:
    parser = options(__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("post").add_argument("count", type=int, nargs="?", default=20)
    commands.add_parser("work").add_argument("--workers", type=int, default=3)
    parsed = parser.parse_args()
    admin = connect(parsed.bootstrap)
    ensure_topic(admin, MAILS)
    if parsed.command == "post":
        post(parsed.bootstrap, parsed.count)
        return 0
    begin_with_the_first(admin)
    stop = ctrl_c()
    names = [f"worker {number}" for number in range(1, parsed.workers + 1)]
    workers = [threading.Thread(target=work, args=(parsed.bootstrap, name, stop)) for name in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
