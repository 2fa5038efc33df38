"""A ClickHouse server that fails while it says that all is well. Nothing is lost or doubled for that, and no answer is
cut short: servers have answered 200 and failed later (ClickHouse/ClickHouse#46426, #75175), and acknowledged inserts
that stored nothing (#65117)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.config import Config, KafkaConfig
from logpost_broker import Broker
from logpost_web.store.errors import QueryError
from logpost_web.store.store import Store
from tests.support.stores import ClickHouse
from tests.web.indexer.test_indexer import await_messages, produce, record, running

FAILING_ANSWERS = ["error in header", "error in body", "cut"]
BREAKS = ["hangs up before", "hangs up after"]
INSERT = "INSERT INTO otel_logs "


@pytest.fixture
def server_store(server: ClickHouse, tmp_path: Path) -> Iterator[Store]:
    store = Store.open(server.config, tmp_path / "store")
    store.command("TRUNCATE TABLE otel_logs")
    store.command("TRUNCATE TABLE otel_logs_manifest")
    yield store
    store.close()


@pytest.mark.parametrize("kind", FAILING_ANSWERS)
def test_an_answer_that_fails_on_its_way_is_an_error(server: ClickHouse, server_store: Store, kind: str) -> None:
    server.plan(kind, "SELECT number, 'planned'")
    with pytest.raises(QueryError):
        server_store.query("SELECT number, 'planned' FROM numbers(100000)")
    assert len(server_store.query("SELECT number, 'planned' FROM numbers(100000)").rows) == 100_000


@pytest.mark.parametrize("kind", [*FAILING_ANSWERS, *BREAKS, "dropped insert"])
def test_each_row_is_there_once_whatever_becomes_of_its_insert(
    broker: Broker, server: ClickHouse, server_store: Store, kind: str
) -> None:
    config = Config(kafka=KafkaConfig(bootstrap_servers=broker.bootstrap_servers))
    lines = [f"line {number}" for number in range(60)]
    with running(config, server_store):
        for start in (0, 30):
            server.plan(kind, INSERT)
            produce(broker, *map(record, lines[start : start + 30]))
            await_messages(server_store, lines[: start + 30])
    assert [one for one in server.statements() if INSERT in one["sql"]]


def test_an_insert_says_that_it_waits_until_its_rows_are_there(server: ClickHouse, server_store: Store) -> None:
    """Profiles of servers say otherwise, and since 26.3 inserts are gathered in memory by default."""
    server_store.insert(b'{"Body":"x"}')
    settings = [one["settings"] for one in server.statements() if INSERT in one["sql"]][-1]
    assert (settings["async_insert"], settings["wait_for_async_insert"]) == ("0", "1")
