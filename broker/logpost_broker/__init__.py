"""The embedded broker: a single node that speaks the Kafka protocol and stores Kafka's own segment files.

from logpost_broker import Broker

with Broker() as broker:
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logpost_broker.broker import Broker

__all__ = ["Broker"]


def __getattr__(name: str) -> object:
    """Load the broker at its first use: the command line imports this package for its help alone. Raises
    ModuleNotFoundError with the line that installs what it needs."""
    if name == "Broker":
        try:
            from logpost_broker.broker import Broker
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            needs = f"logpost_broker needs {missing}: pip install 'logpost[broker]'"
            raise ModuleNotFoundError(needs, name=missing) from error
        return Broker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
