"""The table of APIs and the files that it names."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from logpost_broker import api
from logpost_broker.api import FILES, SERVED, handled
from logpost_broker.api.registry import REGISTERED


@pytest.mark.parametrize("key", sorted(SERVED))
def test_an_api_is_handled_where_the_table_says(key: int) -> None:
    registered, served = handled(key), SERVED[key]
    assert registered is not None
    assert registered.handler.__module__ == f"logpost_broker.api.{served.file}"
    assert (registered.name, registered.min_version, registered.max_version) == (
        served.name,
        served.min_version,
        served.max_version,
    )


def test_no_handler_is_missing_from_the_table() -> None:
    for module in pkgutil.iter_modules(api.__path__):
        importlib.import_module(f"{api.__name__}.{module.name}")
    assert REGISTERED.keys() == SERVED.keys()


def test_an_api_is_in_one_file() -> None:
    names = [name for names in FILES.values() for name in names]
    assert len(names) == len(set(names)) == len(SERVED)


def test_an_api_that_nobody_has_is_not_handled() -> None:
    assert handled(32_767) is None


def test_a_start_imports_no_handler_but_that_of_api_versions() -> None:
    code = "import sys, logpost_broker.broker; print(*(m for m in sys.modules if m.startswith('logpost_broker.api.')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    handlers = set(out.split()) - {"logpost_broker.api.registry", "logpost_broker.api.unserved"}
    assert handlers == {"logpost_broker.api.api_versions"}
