"""Who searches what, for how long, at what cost; and an end to it: by its own limit, or by an operator."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from logpost.cli import main
from logpost.config import Config, KafkaConfig
from logpost_web.api.queries import Queries
from logpost_web.api.running import running_searches, stop_search
from logpost_web.api.searching import searching
from logpost_web.api.services import Services, services
from logpost_web.api.store_errors import HANDLERS
from logpost_web.cluster.topic_reader import TopicReader
from logpost_web.indexer.indexer import Indexer
from logpost_web.query.statement import Statement
from logpost_web.store.store import Store
from tests.support.appliance import await_condition
from tests.support.processes import free_port
from tests.web.api.conftest import Answer, Get, fetch, serving

ENDLESS = Statement("SELECT count() FROM numbers(10000000000000) WHERE NOT ignore(cityHash64(number))", {})


async def endless(request: Request) -> Response:
    await services(request).queries.run(request, ENDLESS)
    raise AssertionError("it cannot end")


@pytest.fixture
def busy(store: Store) -> Iterator[str]:
    """The address of an application whose `/endless` searches until it is ended."""
    config = Config(kafka=KafkaConfig(bootstrap_servers=f"localhost:{free_port()}"))
    queries = Queries(store, config.store)
    app = Starlette(
        routes=[
            Route("/endless", searching("search", endless)),
            Route("/api/queries", running_searches),
            Route("/api/queries/{id}", stop_search, methods=["DELETE"]),
        ],
        exception_handlers=HANDLERS,
    )
    app.state.services = Services(
        queries=queries,
        indexer=Indexer(config, store),
        topic_reader=TopicReader(config),
        kafka=config.kafka,
    )
    with serving(app) as address:
        yield address
    queries.close()


@contextlib.contextmanager
def asked(url: str) -> Iterator[list[Answer]]:
    """Asks beside the block, at whose end the answer is there."""
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(fetch(url)))
    asking.start()
    yield answers
    asking.join()


def runs(store: Store) -> int:
    [(count,)] = store.query("SELECT count() FROM system.processes WHERE query LIKE '%cityHash64(number)%'").rows
    return int(count) - 1  # this one names it, too


def test_an_operator_sees_what_runs_and_ends_it(store: Store, busy: str) -> None:
    def listed() -> list[dict[str, object]]:
        return list(fetch(f"{busy}/api/queries").json()["queries"])

    with asked(f"{busy}/endless?q=a+word") as answers:
        await_condition(lambda: any(int(str(one["rows_read"])) > 0 for one in listed()), "it reads", 60)
        [one] = listed()
        assert (one["kind"], one["who"], one["query"], one["state"]) == ("search", "127.0.0.1", "a word", "running")
        assert float(str(one["seconds"])) > 0
        assert fetch(f"{busy}/api/queries/{one['id']}", method="DELETE").status == 204
    assert (answers[0].status, answers[0].json()["error"]["code"]) == (503, "search_stopped")
    await_condition(lambda: runs(store) == 0, "it ended in the store", 60)
    assert listed() == []
    assert fetch(f"{busy}/api/queries/{one['id']}", method="DELETE").status == 404


def test_the_command_lists_and_ends_them(
    busy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOGPOST_WEB_PORT", busy.rpartition(":")[2])

    def said(*arguments: str) -> str:
        assert main(["store", "searches", *arguments]) == 0
        return capsys.readouterr().out

    assert said() == "no search runs\n"
    with asked(f"{busy}/endless?q=a%1b[1mword") as answers:
        await_condition(lambda: "running" in said(), "it runs", 60)
        [line] = said().splitlines()
        assert "  127.0.0.1  search  " in line
        assert "\x1b" not in line
        [one] = json.loads(said("--json"))["queries"]
        assert said("--stop", one["id"]) == "stopped\n"
    assert answers[0].status == 503
    assert main(["store", "searches", "--stop", one["id"]]) == 1
    assert "no search" in capsys.readouterr().err


def test_another_site_ends_no_search(busy: str) -> None:
    answer = fetch(f"{busy}/api/queries/x", method="DELETE", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403


@pytest.mark.parametrize("timeout", ["0.2", "200ms"])
def test_a_search_ends_when_its_client_wants_it_no_longer(store: Store, busy: str, timeout: str) -> None:
    answer = fetch(f"{busy}/endless?timeout={timeout}")
    assert answer.status == 504
    error = answer.json()["error"]
    assert error["code"] == "time_limit"
    assert error["message"].startswith("the search took more than 0.2 s")
    await_condition(lambda: runs(store) == 0, "it ended in the store", 60)


@pytest.mark.parametrize("timeout", ["31s", "0", "-1s", "soon", "1e3"])
@pytest.mark.parametrize("path", ["/api/search", "/api/histogram", "/api/record"])
def test_a_time_that_no_search_may_have_is_refused(get: Get, path: str, timeout: str) -> None:
    answer = get(path, timeout=timeout)
    assert (answer.status, answer.json()["error"]["code"]) == (400, "bad_argument")


def test_searches_are_counted_by_kind_and_outcome(get: Get) -> None:
    def counted() -> dict[str, float]:
        samples = re.findall(r"^(logpost_web_search\S+) (\S+)$", get("/metrics").body.decode(), re.MULTILINE)
        return {name: float(value) for name, value in samples}

    before = counted()
    assert get("/api/search", q="upstream", timeout="30s").status == 200
    assert get("/api/search", q='"').status == 400
    assert get("/api/histogram").status == 200
    assert get("/api/record", topic="logs", partition=2, offset=9).status == 404
    after = counted()

    def more(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert more('logpost_web_searches_total{kind="search",outcome="done"}') == 1
    assert more('logpost_web_searches_total{kind="search",outcome="mistaken"}') == 1
    assert more('logpost_web_searches_total{kind="histogram",outcome="done"}') == 1
    assert more('logpost_web_searches_total{kind="record",outcome="done"}') == 1
    assert more('logpost_web_search_seconds_count{kind="search"}') == 2
    assert more('logpost_web_search_read_rows_total{kind="search"}') > 0
    assert more('logpost_web_search_read_bytes_total{kind="histogram"}') > 0
