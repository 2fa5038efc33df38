"""What holds for every address: health, metrics, headers, errors."""

from __future__ import annotations

import pytest

from tests.web.api.conftest import Get, exchange


def test_healthy_as_soon_as_it_answers(get: Get) -> None:
    assert get("/healthz").status == 200


def test_not_ready_without_a_broker_and_says_why(get: Get) -> None:
    answer = get("/readyz")
    assert answer.status == 503
    assert answer.json()["ready"] is False
    assert "is a broker at localhost:" in answer.json()["reasons"][0]


def test_metrics_are_in_the_format_of_prometheus(get: Get) -> None:
    answer = get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert b"process_cpu_seconds_total" in answer.body


@pytest.mark.parametrize("path", ["/nosuch", "/api/nosuch", "/static/nosuch.js", "/static/../app.py"])
def test_an_unknown_address_is_an_error_in_json(get: Get, path: str) -> None:
    answer = get(path)
    assert answer.status == 404
    assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get(get: Get, method: str) -> None:
    answer = get("/api/search", method=method)
    assert answer.status == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize(("path", "method"), [("rebuild", "GET"), ("rebuild", "POST"), ("check", "POST")])
def test_what_the_store_is_not_asked_for_is_refused(get: Get, path: str, method: str) -> None:
    answer = get(f"/api/store/{path}", method=method, force=1)
    assert answer.status == 400
    assert answer.json()["error"]["message"] == "there is no parameter 'force'; there is none here"


def test_answers_are_packed_for_clients_that_ask(get: Get) -> None:
    for path, text in (("/", b"<!doctype html>"), ("/static/main.js", b"import"), ("/metrics", b"# HELP")):
        answer = get(path, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert text in answer.body
    plenty = {"start": "2026-11-22T10:50:00Z", "end": "2026-11-22T10:52:00Z", "buckets": 60}
    packed = get("/api/histogram", headers={"Accept-Encoding": "gzip"}, **plenty)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.json() == get("/api/histogram", **plenty).json()


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/search", "/nosuch"])
def test_nothing_from_elsewhere_runs_in_a_page(get: Get, path: str) -> None:
    headers = get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'self'; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/api/search", "/api/histogram", "/metrics", "/readyz", "/healthz", "/nosuch"])
def test_no_cache_keeps_an_answer(get: Get, path: str) -> None:
    assert get(path, q="user:ada").headers["cache-control"] == "no-store"
    assert get("/static/main.js").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "path", ["/api/search/", "//evil.example/", "/static", "//evil.example/%2e%2e", "/%5cevil.example/"]
)
def test_nothing_redirects(address: str, path: str) -> None:
    status, headers, _ = exchange(address, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert status == 404
    assert "location" not in headers


def test_a_query_in_the_address_cannot_become_markup(get: Get) -> None:
    body = get("/", q="</title><script>alert(1)</script>\"'>").body
    assert b"<script>alert" not in body
    assert b"&#34;" in body
