"""The core decides and waits for nothing: no loop, clock, chance, thread, file or socket."""

from pathlib import Path

import pytest

import logpost_broker.share_groups
from tests.broker.groups.test_purity import IMPURE, imported
from tests.broker.groups.test_purity import SHELL as SHELL_OF_GROUPS

SHARE_GROUPS = Path(logpost_broker.share_groups.__file__).parent
SHELL = {"delivery.py", "journal.py", "service.py", "waiting.py"}
CORE = sorted(file.name for file in SHARE_GROUPS.glob("*.py") if file.name not in SHELL)
OURS = ("logpost_broker.errors", "logpost_broker.groups", "logpost_broker.share_groups")


@pytest.mark.parametrize("name", CORE)
def test_the_core_is_pure(name: str) -> None:
    modules = imported(SHARE_GROUPS / name)
    assert {module.partition(".")[0] for module in modules} & (IMPURE - {"uuid"}) == set()
    ours = {module for module in modules if module.startswith("logpost_broker")}
    assert all(module.startswith(OURS) for module in ours)
    assert not any(module.endswith(tuple(f".{shell[:-3]}" for shell in SHELL | SHELL_OF_GROUPS)) for module in ours)
    assert {module for module in modules if module.startswith("kio")} <= {"kio.schema.errors"}
