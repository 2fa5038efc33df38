"""A request that names another host than this server's is refused: DNS rebinding."""

from __future__ import annotations

import pytest

from logpost.config import WebConfig
from logpost_web.http.own_hosts import host_of, own_hosts
from tests.web.api.conftest import Get, exchange


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "203.0.113.7", "", "a b",
     "localhost:x", "localhost@evil.example", "[::1", "localhost/", "evil.example#localhost", "::1:80:", "[::2]:8080"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/search", "/static/main.js", "/metrics", "/healthz", "/nosuch"])
def test_another_host_is_refused(get: Get, path: str, host: str) -> None:
    answer = get(path, headers={"Host": host})
    assert answer.status == 421
    error = answer.json()["error"]
    assert error["code"] == "unknown_host"
    assert "set web.external_url" in error["message"]


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:1", "localhost.", "127.0.0.1", "127.0.0.1:80", "[::1]:8080", "[0:0::1]"]
)
def test_every_name_of_loopback_is_answered(get: Get, host: str) -> None:
    assert get("/api/search", headers={"Host": host}).status == 200


def test_a_probe_of_http_1_0_needs_no_host(address: str) -> None:
    assert exchange(address, "GET /healthz HTTP/1.0\r\n\r\n")[0] == 200


def test_the_machine_has_its_names_only_where_it_can_be_reached_by_them() -> None:
    names = ["Web-1", "web-1.example.org"]
    loopback = {"localhost", "127.0.0.1", "::1"}
    assert own_hosts(WebConfig(), names) == loopback
    assert own_hosts(WebConfig(listen="10.0.0.5"), names) == {*loopback, "10.0.0.5", "web-1", "web-1.example.org"}
    assert own_hosts(WebConfig(external_url="https://Logs.example.org/x"), names) == {*loopback, "logs.example.org"}


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("a:1", "a"),
        ("A", "a"),
        ("a.", "a"),
        ("[::1]", "::1"),
        ("[::1]:1", "::1"),
        ("::1", ""),
        ("a:", "a"),
        ("a:b", ""),
    ],
)
def test_hosts_of_headers(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    ],
)
@pytest.mark.parametrize("path", ["/api/store/rebuild", "/api/store/check"])
def test_a_form_of_another_site_changes_nothing(address: str, path: str, headers: dict[str, str]) -> None:
    """Another port of this host is another site as well."""
    said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n{said}Content-Length: 0\r\nConnection: close\r\n\r\n"
    assert exchange(address, request)[0] == 403


def test_a_page_of_ours_may_ask(address: str) -> None:
    own = "Host: 127.0.0.1:8080\r\nOrigin: http://127.0.0.1:8080\r\nSec-Fetch-Site: same-origin\r\n"
    request = f"POST /api/store/check HTTP/1.1\r\n{own}Content-Length: 0\r\nConnection: close\r\n\r\n"
    assert exchange(address, request)[0] == 200
