"""Logging: a shop that logs as any Python program does. What it logs is found a second later.

python examples/application_logging.py
logpost search 'service:shop level:error'
"""

from __future__ import annotations

import logging
import random
import sys
import time

from connection import connect, options
from logpost import LogpostHandler

log = logging.getLogger("shop.orders")


def sell(order: int, cents: int) -> None:
    """Every seventh order fails, as things do."""
    log.info("order %d received", order, extra={"order": order, "cents": cents})
    try:
        charge(order, cents)
    except TimeoutError:
        log.exception("order %d could not be paid", order, extra={"order": order})
    else:
        log.info("order %d paid", order, extra={"order": order, "milliseconds": random.randrange(20, 400)})


def charge(order: int, cents: int) -> None:
    if cents > 9_000:
        log.warning("order %d is unusually large", order, extra={"order": order, "cents": cents})
    if order % 7 == 0:
        raise TimeoutError("the bank does not answer")


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--orders", type=int, default=20)
    parsed = parser.parse_args()
    connect(parsed.bootstrap)
    handler = LogpostHandler(service="shop", bootstrap_servers=parsed.bootstrap)
    logging.basicConfig(level=logging.INFO, handlers=[handler, logging.StreamHandler()])
    for order in range(1, parsed.orders + 1):
        sell(order, random.randrange(100, 10_000))
        time.sleep(0.1)  # the next customer
    return 0


if __name__ == "__main__":
    sys.exit(main())
