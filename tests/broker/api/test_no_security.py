"""ACLs, delegation tokens and SASL on a listener that asks nobody who they are: Kafka's own refusals."""

from __future__ import annotations

from typing import Any

import pytest
from kio.schema.errors import ErrorCode

from tests.broker.wire_client import WireClient, versions

ACL = {"resource_type": 2, "resource_name": "t", "principal": "User:a", "host": "*", "operation": 3}
FILTER = {"resource_type_filter": 1, "operation": 1, "permission_type": 1}
NOT_ALLOWED = ErrorCode.delegation_token_request_not_allowed


@pytest.mark.parametrize("version", versions("describe_acls"))
def test_there_is_no_authorizer(client: WireClient, version: int) -> None:
    described = client.call("describe_acls", version, FILTER)
    assert (described.error_code, described.resources) == (ErrorCode.security_disabled, ())
    created = client.call("create_acls", version, {"creations": [ACL, ACL]}).results
    deleted = client.call("delete_acls", version, {"filters": [FILTER, FILTER]}).filter_results
    for results in (created, deleted):
        assert [result.error_code for result in results] == [ErrorCode.security_disabled] * 2
    assert client.call("create_acls", version, {"creations": []}).results == ()
    assert client.call("delete_acls", version, {"filters": []}).filter_results == ()


@pytest.mark.parametrize(
    ("api", "version"),
    [
        (f"{action}_delegation_token", version)
        for action in ("create", "renew", "expire", "describe")
        for version in versions(f"{action}_delegation_token")
    ],
)
def test_nobody_gets_a_token(client: WireClient, api: str, version: int) -> None:
    assert client.call(api, version, {}).error_code is NOT_ALLOWED


@pytest.mark.parametrize(
    ("api", "version", "fields"),
    [
        *[("sasl_handshake", version, {"mechanism": "PLAIN"}) for version in versions("sasl_handshake")],
        *[("sasl_authenticate", version, {"auth_bytes": b"\0a\0b"}) for version in versions("sasl_authenticate")],
    ],
)
def test_nobody_is_asked_who_they_are(client: WireClient, api: str, version: int, fields: dict[str, Any]) -> None:
    assert client.call(api, version, fields).error_code is ErrorCode.illegal_sasl_state
    assert client.call("api_versions", 0, {}).error_code is ErrorCode.none, "the connection goes on"
