"""What the broker answers, a file per family of Kafka APIs. Importing this package registers all of them."""

import importlib
import pkgutil

from logpost_broker.wire.registry import APIS

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["APIS"]
