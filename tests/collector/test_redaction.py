"""What is not shown of settings and logs: by its name, by its place in an address, by its look, and by its value."""

import json

import pytest

from logpost.config import FileSourceConfig
from logpost.redaction import masked, redacted, redacted_json, secrets_in


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("kafka.sasl_password", "hunter2", "…"),
        ("kafka.sasl_password", "", ""),
        ("web.tokens", ("a", "b"), "…"),
        (
            "alerts.webhook",
            ({"url": "https://tok@h/x?key=k", "kind": "json"},),
            [{"url": "https://…@h/x?…", "kind": "json"}],
        ),
        ("store.url", "clickhouse://u:p@[::1]:8443/x?a=b", "clickhouse://…@[::1]:8443/x?…"),
        ("store.url", "chdb:///var/lib/a:b@c", "chdb:///var/lib/a:b@c"),
        ("broker.port", 9092, 9092),
        ("web.insecure", True, True),
        ("data", "/caf\udce9", "/caf\\udce9"),
    ],
)
def test_settings(key: str, value: object, shown: object) -> None:
    assert masked(key, value) == shown


def test_a_table_of_settings_keeps_its_type() -> None:
    shown = masked("agent.source", (FileSourceConfig(paths=("/x",)),))
    assert isinstance(shown, list)
    assert shown[0]["type"] == "file"
    assert shown[0]["paths"] == ["/x"]


def test_secrets_are_found_wherever_they_stand() -> None:
    settings = {"kafka.sasl_password": "from-settings", "store.url": "clickhouse://u:from-url@h/x?k=from-query"}
    settings["web.url"] = "https://u:p%40ss@h"
    environment = {"API_TOKEN": "from-environment", "OTHER_TOKEN": 'q"uote', "PATH": "/usr/bin"}
    text = 'password = "from-text" # broken\nurl = "https://from-user@h"\n'
    text += 'client_secret = """\nfrom-lines\n"""\n[[['
    assert secrets_in(settings, environment, text) == {
        *("p%40ss", "p@ss", 'q"uote', 'q\\"uote'),
        *("from-settings", "from-url", "from-query", "from-environment", "from-text", "broken"),
        *("from-user", "from-lines"),
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it said s3cret", "it said …"),
        ("GET https://u:p@h/x?token=t HTTP/1.1", "GET https://…@h/x?… HTTP/1.1"),
        ("Authorization: Bearer abc.def-1", "Authorization: …"),
        ("proxy-authorization: ApiKey abc", "proxy-authorization: …"),
        ("sent Basic dTpw to it", "sent Basic … to it"),
        ("Set-Cookie: sid=abc; Path=/\nnext: 1", "Set-Cookie: …\nnext: 1"),
        (r"{\"password\": \"p\", \"port\": 1}", r"{\"password\": …, \"port\": 1}"),
        ("ran x --api-key abc --port 1", "ran x --api-key … --port 1"),
        ("ran x --token --port 1", "ran x --token --port 1"),
        ("pwd=abc private_key=def sig=ghi session_id=jkl", "pwd=… private_key=… sig=… session_id=…"),
        ("https://u:p/q@h/x", "https://…@h/x"),
        ("me:p@h:9092 is away", "…@h:9092 is away"),
        ("the token eyJhbGciOi.eyJzdWIi.c2ln was refused", "the token … was refused"),
        ("with ghp_0123456789abcdef and AKIA0123456789ABCDEF", "with … and …"),
        ('{"password": "p, q", "port": 1}', '{"password": …, "port": 1}'),
        ("db_password=p port=1", "db_password=… port=1"),
        ("a\n-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nb", "a\n…\nb"),
        ("the broker at localhost:9092 is away", "the broker at localhost:9092 is away"),
        ("password expired", "password expired"),
        ("2026-11-30T10:00:00.000Z ERROR agent: x", "2026-11-30T10:00:00.000Z ERROR agent: x"),
        ("assigned authors, tokens 3, signal 9", "assigned authors, tokens 3, signal 9"),
        ("mail to ops@example.org?", "mail to ops@example.org?"),
    ],
)
def test_text(text: str, shown: str) -> None:
    assert redacted(text, {"s3cret"}) == shown


def test_json_stays_json() -> None:
    shown = redacted_json('{"said":["password=x","it said s3cret"],"port":1,"s3cret":null}', {"s3cret"})
    assert json.loads(shown) == {"said": ["password=…", "it said …"], "port": 1, "…": None}


@pytest.mark.parametrize("unit", ["a", "-", "a-", "://", "a:", "password", '"', "eyJ", ".a"])
def test_a_long_line_takes_no_longer_than_its_length(unit: str) -> None:
    """With an end that no pattern takes; a second for each would be a hundred times as long as it takes."""
    assert redacted(unit * 20_000 + "\n", ()) != ""
