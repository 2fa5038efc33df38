"""DescribeUserScramCredentials and AlterUserScramCredentials; the expected answers are those of Apache Kafka 4.3."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.wire_client import WireClient

SHA_256, SHA_512 = 1, 2


@pytest.fixture
def client() -> Iterator[WireClient]:
    with Broker() as broker, WireClient(broker.port) as connected:
        yield connected


def upsertion(name: str, **changes: Any) -> dict[str, Any]:
    password = {"salt": b"salt", "salted_password": b"x" * 32}
    return {"name": name, "mechanism": SHA_256, "iterations": 4096, **password, **changes}


def alter(
    client: WireClient, *upsertions: dict[str, Any], deletions: list[tuple[str, int]] | None = None
) -> dict[str, ErrorCode]:
    gone = [{"name": name, "mechanism": mechanism} for name, mechanism in deletions or []]
    asked = {"deletions": gone, "upsertions": [*upsertions]}
    return {one.user: one.error_code for one in client.call("alter_user_scram_credentials", 0, asked).results}


def describe(client: WireClient, *names: str) -> dict[str, ErrorCode | list[tuple[int, int]]]:
    """The mechanisms and iterations of each user, or why not."""
    users = [{"name": name} for name in names] or None
    answer = client.call("describe_user_scram_credentials", 0, {"users": users})
    assert answer.error_code is ErrorCode.none
    return {
        one.user: one.error_code
        if one.error_code is not ErrorCode.none
        else [(info.mechanism, info.iterations) for info in one.credential_infos]
        for one in answer.results
    }


def test_credentials_are_set_described_and_deleted(client: WireClient) -> None:
    assert alter(client, upsertion("a"), upsertion("b", iterations=8192)) == dict.fromkeys("ab", ErrorCode.none)
    assert alter(client, upsertion("a", mechanism=SHA_512)) == {"a": ErrorCode.none}
    assert describe(client) == {"a": [(SHA_256, 4096), (SHA_512, 4096)], "b": [(SHA_256, 8192)]}
    assert describe(client, "b", "c") == {"b": [(SHA_256, 8192)], "c": ErrorCode.resource_not_found}
    assert alter(client, deletions=[("a", SHA_256), ("b", SHA_512)]) == {
        "a": ErrorCode.none,
        "b": ErrorCode.resource_not_found,
    }
    assert describe(client) == {"a": [(SHA_512, 4096)], "b": [(SHA_256, 8192)]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, ErrorCode.unacceptable_credential),
        ({"iterations": 4095}, ErrorCode.unacceptable_credential),
        ({"iterations": 16385}, ErrorCode.unacceptable_credential),
        ({"salted_password": b""}, ErrorCode.unacceptable_credential),  # Kafka: UNKNOWN_SERVER_ERROR
        ({"mechanism": 0}, ErrorCode.unsupported_sasl_mechanism),
        ({"mechanism": 3}, ErrorCode.unsupported_sasl_mechanism),
    ],
)
def test_what_cannot_be_a_credential_is_refused(client: WireClient, changes: dict[str, Any], code: ErrorCode) -> None:
    assert alter(client, upsertion("a") | changes) == {changes.get("name", "a"): code}
    assert describe(client) == {}


def test_a_user_is_altered_once_or_not_at_all(client: WireClient) -> None:
    duplicate = {"a": ErrorCode.duplicate_resource}
    assert alter(client, upsertion("a"), upsertion("a", mechanism=SHA_512)) == duplicate
    assert alter(client, upsertion("a"), deletions=[("a", SHA_512)]) == duplicate
    assert describe(client) == {}
    assert describe(client, "a", "a") == duplicate


def test_the_keys_are_those_of_rfc_5802_and_outlive_the_broker(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        wanted = UserScramCredentialUpsertion(
            "a", ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096), b"secret", b"salt"
        )
        admin.alter_user_scram_credentials([wanted])["a"].result(60)
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 4096)
    text = (tmp_path / "metadata.json").read_text()
    [entry] = json.loads(text)["scram_credentials"]
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    assert b64decode(entry["stored_key"]) == hashlib.sha256(client_key).digest()
    assert b64decode(entry["server_key"]) == hmac.digest(salted, b"Server Key", "sha256")
    assert "secret" not in text
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert describe(client) == {"a": [(SHA_256, 4096)]}
