"""Which site a request that changes something may come from."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request

from logpost_web.http.other_sites import origin_of, refuse_other_sites

OPENED = "https://Logs.example.org/"


def request(external_url: str, **headers: str) -> Request:
    app = Starlette()
    app.state.external_url = external_url
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "app": app, "headers": named})


def test_the_page_behind_a_proxy_that_changes_the_host_may_ask() -> None:
    refuse_other_sites(request(OPENED, host="localhost:8080", origin="https://logs.example.org"))
    refuse_other_sites(request(OPENED, host="localhost:8080", origin="http://localhost:8080"))


@pytest.mark.parametrize("external_url", [OPENED, ""])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://evil.example.org", "https://logs.example.org.evil.example", "http://logs.example.org",
     "https://logs.example.org:8443", "null", ""],
)  # fmt: skip
def test_another_site_may_not_whatever_it_says_of_a_proxy(external_url: str, origin: str) -> None:
    said = request(external_url, host="localhost:8080", origin=origin, x_forwarded_host="evil.example")
    with pytest.raises(HTTPException):
        refuse_other_sites(said)


def test_nor_may_one_of_the_same_domain() -> None:
    with pytest.raises(HTTPException):
        refuse_other_sites(
            request(OPENED, host="localhost", origin="https://logs.example.org", sec_fetch_site="same-site")
        )


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", None),
        ("https://logs.example.org", "https://logs.example.org"),
        ("https://logs.example.org:443/logs/", "https://logs.example.org"),
        ("http://logs.example.org:8080", "http://logs.example.org:8080"),
        ("http://[2001:DB8::1]:80/", "http://[2001:db8::1]"),
    ],
)
def test_origins_of_addresses(url: str, origin: str | None) -> None:
    assert origin_of(url) == origin
