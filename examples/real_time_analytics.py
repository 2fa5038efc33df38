"""Real-time analytics: which pages of a web shop are clicked, second by second, while it happens.

python examples/real_time_analytics.py                      # until Ctrl-C
python examples/real_time_analytics.py --picture clicks.svg  # and draw what was on the screen last
python examples/real_time_analytics.py --visitors 0         # no made-up visitors: only clicks that others write
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from connection import SECONDS, connect, ctrl_c, ensure_topic, options

CLICKS = "clicks"
POPULARITY = {"/": 40, "/shop": 25, "/cart": 15, "/blog": 12, "/about": 8}
WINDOWS = 30
BARS = " ▁▂▃▄▅▆▇█"
COLOURS = ("#2f6fb2", "#e07b39", "#3d9970", "#b04a7a", "#8a7a3c", "#6b6b6b")


class Windows:
    """Clicks by page and window. A click counts in the window in which it happened, however late it arrives."""

    def __init__(self, seconds: int) -> None:
        self.milliseconds = seconds * 1000
        self.counts: dict[str, Counter[int]] = {}

    def add(self, page: str, timestamp_ms: int) -> None:
        self.counts.setdefault(page, Counter())[timestamp_ms // self.milliseconds] += 1

    def newest(self, now_ms: int) -> dict[str, list[int]]:
        """Each page's counts, oldest window first; the most clicked page first. Forgets older windows."""
        last = now_ms // self.milliseconds
        shown = range(last - WINDOWS + 1, last + 1)
        for page, counts in self.counts.items():
            self.counts[page] = Counter({window: count for window, count in counts.items() if window >= shown.start})
        rows = {page: [counts[window] for window in shown] for page, counts in self.counts.items()}
        return dict(sorted(((page, row) for page, row in rows.items() if any(row)), key=lambda entry: -sum(entry[1])))


def clicks(consumer: Consumer) -> Iterator[tuple[str, int]]:
    """(page, milliseconds since 1970) of what has come by now; waits a little for the first."""
    for message in consumer.consume(5000, timeout=0.2):
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        page = (message.value() or b"").decode(errors="replace")
        yield page if page.isprintable() else ascii(page), message.timestamp()[1]


def from_time(bootstrap: str, start_ms: int) -> Consumer:
    """A reader that begins with the first click since then. The topic is the memory: after a restart, counts are as
    before."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False})
    partitions = consumer.list_topics(CLICKS, SECONDS).topics[CLICKS].partitions
    places = [TopicPartition(CLICKS, partition, start_ms) for partition in partitions]
    consumer.assign(consumer.offsets_for_times(places, SECONDS))
    return consumer


def visit(bootstrap: str, per_second: int, stop: threading.Event) -> None:
    """Made-up visitors."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 50})
    pages, weights = list(POPULARITY), list(POPULARITY.values())
    while not stop.wait(random.expovariate(per_second)):
        producer.produce(CLICKS, random.choices(pages, weights)[0])
        producer.poll(0)
    producer.flush()


def table(rows: dict[str, list[int]], seconds: int) -> str:
    highest = max((count for row in rows.values() for count in row), default=1)
    lines = [f"{'page':10} {f'clicks in the last {WINDOWS * seconds} s, now on the right':{WINDOWS}}  total"]
    for page, row in rows.items():
        bars = "".join(BARS[-(-count * (len(BARS) - 1) // highest)] for count in row)
        lines.append(f"{page:10.10} {bars}  {sum(row):5}")
    lines.append(f"{'all':10} {'':{WINDOWS}}  {sum(map(sum, rows.values())):5}")
    return "\n".join(lines)


def picture(rows: dict[str, list[int]], seconds: int) -> str:
    """The same as SVG: a bar for each window, the pages on top of each other."""
    highest = max([sum(column) for column in zip(*rows.values(), strict=True)] or [1])
    unit, drawn, below = 200 / max(highest, 1), [], [0.0] * WINDOWS
    for place, (page, row) in enumerate(rows.items()):
        colour = COLOURS[min(place, len(COLOURS) - 1)]
        drawn.append(f'<text x="530" y="{42 + 20 * place}" fill="{colour}">{escape(page)} {sum(row)}</text>')
        for window, count in enumerate(row):
            height = count * unit
            top = 240 - below[window] - height
            drawn.append(
                f'<rect x="{20 + 16 * window}" y="{top:.1f}" width="14" height="{height:.1f}" fill="{colour}"/>'
            )
            below[window] += height
    title = f'<text x="20" y="24">Clicks in the last {WINDOWS * seconds} s; highest bar {highest}</text>'
    style = 'xmlns="http://www.w3.org/2000/svg" width="640" height="260" font-family="sans-serif" font-size="14"'
    return f'<svg {style}><rect width="640" height="260" fill="white"/>{title}{"".join(drawn)}</svg>\n'


def watch(consumer: Consumer, seconds: int, drawing: Path | None, stop: threading.Event) -> None:
    """Count and show, twice a second, until Ctrl-C."""
    windows, next_show = Windows(seconds), 0.0
    clear = "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
    while not stop.is_set():
        for page, timestamp_ms in clicks(consumer):
            windows.add(page, timestamp_ms)
        if time.monotonic() >= next_show:
            rows = windows.newest(time.time_ns() // 1_000_000)
            print(f"{clear}{table(rows, seconds)}\n", flush=True)
            if drawing is not None:
                drawing.write_text(picture(rows, seconds))
            next_show = time.monotonic() + 0.5


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--window", type=int, default=1, metavar="SECONDS", help="length of a window (default: 1)")
    parser.add_argument("--visitors", type=int, default=100, metavar="N", help="clicks a second (default: 100)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw an SVG as well")
    parsed = parser.parse_args()
    ensure_topic(connect(parsed.bootstrap), CLICKS)
    consumer = from_time(parsed.bootstrap, (time.time_ns() // 10**6) - parsed.window * WINDOWS * 1000)
    stop = ctrl_c()
    visitors = threading.Thread(target=visit, args=(parsed.bootstrap, parsed.visitors, stop))
    if parsed.visitors:
        visitors.start()
    try:
        watch(consumer, parsed.window, parsed.picture, stop)
    finally:
        stop.set()
        consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
