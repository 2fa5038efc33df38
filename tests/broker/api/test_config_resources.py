"""Configurations of groups, client metrics, the broker and its loggers; the expected answers are those of Apache
Kafka 4.3, unless a test says otherwise."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kio.schema.errors import ErrorCode

from logpost_broker import Broker
from logpost_broker.broker import EMBEDDED
from tests.broker.api.conftest import create
from tests.broker.wire_client import WireClient, versions

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND = range(3)
RESET, THROTTLE = "share.auto.offset.reset", "leader.replication.throttled.rate"

Change = tuple[str, int, str | None]


@pytest.fixture
def client() -> Iterator[WireClient]:
    with Broker() as broker, WireClient(broker.port) as connected:
        yield connected


def alter(client: WireClient, kind: int, name: str, *changes: Change, validate_only: bool = False) -> ErrorCode:
    configs = [{"name": key, "config_operation": operation, "value": value} for key, operation, value in changes]
    resources = [{"resource_type": kind, "resource_name": name, "configs": configs}]
    asked = {"resources": resources, "validate_only": validate_only}
    code: ErrorCode = client.call("incremental_alter_configs", 1, asked).responses[0].error_code
    return code


def ask(client: WireClient, kind: int, name: str, version: int = 4, **fields: Any) -> Any:
    resources = [{"resource_type": kind, "resource_name": name, "configuration_keys": None}]
    [result] = client.call("describe_configs", version, {"resources": resources, **fields}).results
    return result


def values(client: WireClient, kind: int, name: str) -> dict[str, tuple[str, int]]:
    """Name → value and source."""
    result = ask(client, kind, name)
    assert result.error_code is ErrorCode.none
    return {config.name: (config.value, config.config_source) for config in result.configs}


def listed(client: WireClient, *kinds: int, version: int = 1) -> list[tuple[int, str]]:
    answer = client.call("list_config_resources", version, {"resource_types": kinds})
    assert answer.error_code is ErrorCode.none
    return [(getattr(one, "resource_type", CLIENT_METRICS), one.resource_name) for one in answer.config_resources]


@pytest.mark.parametrize(
    ("kind", "name", "setting", "value", "source", "default"),
    [
        (GROUP, "g", RESET, "earliest", 8, "latest"),
        (GROUP, "g", RESET, "by_duration:P1DT12H", 8, "latest"),
        (CLIENT_METRICS, "m", "interval.ms", "1000", 7, "300000"),
        (CLIENT_METRICS, "m", "match", "client_id=web-.*,client_software_name=java", 7, ""),
    ],
)
def test_a_setting_is_kept_described_listed_and_taken_back(
    client: WireClient, kind: int, name: str, setting: str, value: str, source: int, default: str
) -> None:
    assert values(client, kind, name)[setting] == (default, 5)
    assert alter(client, kind, name, (setting, SET, value), validate_only=True) is ErrorCode.none
    assert listed(client, kind) == []
    assert alter(client, kind, name, (setting, SET, value)) is ErrorCode.none
    assert values(client, kind, name)[setting] == (value, source)
    assert listed(client, kind) == [(kind, name)]
    assert alter(client, kind, name, (setting, DELETE, None)) is ErrorCode.none
    assert values(client, kind, name)[setting] == (default, 5)
    assert listed(client, kind) == []


@pytest.mark.parametrize(
    ("kind", "name", "change", "code"),
    [
        (GROUP, "g", (RESET, SET, "sometime"), ErrorCode.invalid_config),
        (GROUP, "g", (RESET, SET, "by_duration:P"), ErrorCode.invalid_config),
        (GROUP, "g", (RESET, SET, "by_duration:PT"), ErrorCode.invalid_config),
        (GROUP, "g", (RESET, SET, f"by_duration:P{'9' * 400}D"), ErrorCode.invalid_config),
        (GROUP, "g", (RESET, APPEND, "earliest"), ErrorCode.invalid_config),
        (GROUP, "g", ("none", SET, "1"), ErrorCode.invalid_config),
        (GROUP, "", (RESET, SET, "earliest"), ErrorCode.invalid_request),
        (CLIENT_METRICS, "", ("metrics", SET, ""), ErrorCode.invalid_request),
        (CLIENT_METRICS, "m", ("match", SET, "colour=red"), ErrorCode.invalid_config),
        (CLIENT_METRICS, "m", ("match", SET, "client_id=("), ErrorCode.invalid_config),
        (CLIENT_METRICS, "m", ("match", SET, "client_id=a{99999999999}"), ErrorCode.invalid_config),
        (CLIENT_METRICS, "m", ("interval.ms", SET, "1_000"), ErrorCode.invalid_config),
        (BROKER, "2", (THROTTLE, SET, "1"), ErrorCode.invalid_request),
        (BROKER, "1", ("num.partitions", SET, "2"), ErrorCode.invalid_request),
        (BROKER_LOGGER, "2", ("broker", SET, "WARN"), ErrorCode.invalid_request),
        (BROKER_LOGGER, "1", ("nobody", SET, "WARN"), ErrorCode.invalid_config),
        (BROKER_LOGGER, "1", ("broker", SET, "LOUD"), ErrorCode.invalid_config),
        (BROKER_LOGGER, "1", ("broker", APPEND, "WARN"), ErrorCode.invalid_request),
        (1, "x", ("a", SET, "b"), ErrorCode.invalid_request),
        (99, "x", ("a", SET, "b"), ErrorCode.invalid_request),
    ],
)
def test_what_cannot_be_set_is_refused(
    client: WireClient, kind: int, name: str, change: Change, code: ErrorCode
) -> None:
    assert alter(client, kind, name, change) is code
    assert listed(client, GROUP, CLIENT_METRICS) == []


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (TOPIC, "", ErrorCode.invalid_topic_exception),
        (TOPIC, "a b", ErrorCode.invalid_topic_exception),
        (TOPIC, "nobody-knows", ErrorCode.unknown_topic_or_partition),
        (BROKER, "2", ErrorCode.invalid_request),
        (BROKER, "x", ErrorCode.invalid_request),
        (BROKER_LOGGER, "", ErrorCode.invalid_request),
        (CLIENT_METRICS, "", ErrorCode.invalid_request),
        (GROUP, "", ErrorCode.invalid_request),
        (0, "x", ErrorCode.invalid_request),
        (99, "x", ErrorCode.invalid_request),
    ],
)
def test_what_has_no_configuration_is_refused(client: WireClient, kind: int, name: str, code: ErrorCode) -> None:
    result = ask(client, kind, name)
    assert (result.error_code, result.configs) == (code, ())


def test_a_topic_tells_what_its_values_stand_over(client: WireClient) -> None:
    create(client, "t", configs={"segment.bytes": "5000"})
    [config] = [one for one in ask(client, TOPIC, "t", include_synonyms=True).configs if one.name == "segment.bytes"]
    assert [(one.value, one.source) for one in config.synonyms] == [("5000", 1), ("1073741824", 5)]
    assert all(not one.synonyms for one in ask(client, TOPIC, "t").configs)


@pytest.mark.parametrize("version", versions("describe_configs"))
def test_the_broker_is_described_as_it_runs(client: WireClient, version: int) -> None:
    result = ask(client, BROKER, "1", version)
    found = {config.name: (config.value, config.read_only) for config in result.configs}
    port = client.socket.getpeername()[1]
    assert found["advertised.listeners"] == (f"PLAINTEXT://localhost:{port}", True)
    assert found["log.retention.ms"] == ("-1", False)
    assert found["default.replication.factor"] == ("1", True)
    assert ask(client, BROKER, "", version).configs == ()


def test_what_the_file_leaves_alone_is_a_default(client: WireClient) -> None:
    sources = {config.name: config.config_source for config in ask(client, BROKER, "1").configs}
    assert (sources["group.max.size"], sources["auto.create.topics.enable"], sources["process.roles"]) == (5, 5, 4)
    config = msgspec.structs.replace(EMBEDDED, group_max_size=7)
    with Broker(config) as broker, WireClient(broker.port) as other:
        assert values(other, BROKER, "1")["group.max.size"] == ("7", 4)


@pytest.mark.parametrize(
    ("kind", "name", "synonyms"),
    [
        (GROUP, "consumer.session.timeout.ms", [("group.consumer.session.timeout.ms", "45000", 5)]),
        (GROUP, "streams.num.standby.replicas", [("group.streams.num.standby.replicas", "0", 5)]),
        (GROUP, RESET, [(RESET, "latest", 5)]),
        (CLIENT_METRICS, "interval.ms", []),
    ],
)
def test_a_default_is_called_as_by_kafka(
    client: WireClient, kind: int, name: str, synonyms: list[tuple[str, str, int]]
) -> None:
    [config] = [one for one in ask(client, kind, "x", include_synonyms=True).configs if one.name == name]
    assert [(one.name, one.value, one.source) for one in config.synonyms] == synonyms


def test_limits_of_a_replication_that_never_happens_come_and_go(client: WireClient) -> None:
    for name, source in (("1", 2), ("", 3)):
        assert alter(client, BROKER, name, (THROTTLE, SET, "1000")) is ErrorCode.none
        assert values(client, BROKER, name)[THROTTLE] == ("1000", source)
        # Kafka's reassignment tool takes away what nobody has set.
        changes = [(THROTTLE, DELETE, None), ("follower.replication.throttled.rate", DELETE, None)]
        assert alter(client, BROKER, name, *changes) is ErrorCode.none
        assert THROTTLE not in values(client, BROKER, name)


def test_the_broker_logs_more_when_it_is_told_to(client: WireClient) -> None:
    before = logging.getLogger("broker").level
    try:
        assert alter(client, BROKER_LOGGER, "1", ("broker", SET, "ERROR")) is ErrorCode.none
        assert values(client, BROKER_LOGGER, "1") == {"broker": ("ERROR", 6)}
        assert logging.getLogger("broker").level == logging.ERROR
        assert alter(client, BROKER_LOGGER, "1", ("broker", DELETE, None)) is ErrorCode.none
        assert logging.getLogger("broker").level == logging.NOTSET
    finally:
        logging.getLogger("broker").setLevel(before)


@pytest.mark.parametrize("version", versions("alter_configs"))
def test_the_older_api_replaces_what_a_group_has_set(client: WireClient, version: int) -> None:
    assert alter(client, CLIENT_METRICS, "m", ("interval.ms", SET, "1000")) is ErrorCode.none
    configs = [{"name": "metrics", "value": "org.apache"}]
    resources = [{"resource_type": CLIENT_METRICS, "resource_name": "m", "configs": configs}]
    answer = client.call("alter_configs", version, {"resources": resources})
    assert answer.responses[0].error_code is ErrorCode.none
    assert values(client, CLIENT_METRICS, "m") == {
        "interval.ms": ("300000", 5),
        "match": ("", 5),
        "metrics": ("org.apache", 7),
    }
    loggers = [{"resource_type": BROKER_LOGGER, "resource_name": "1", "configs": [{"name": "broker", "value": "INFO"}]}]
    refused = client.call("alter_configs", version, {"resources": loggers}).responses[0]
    assert refused.error_code is ErrorCode.invalid_request


def test_what_is_configured_is_listed_by_type(client: WireClient) -> None:
    create(client, "t")
    alter(client, GROUP, "g", (RESET, SET, "earliest"))
    alter(client, CLIENT_METRICS, "m", ("metrics", SET, ""))
    everything = [(TOPIC, "t"), (BROKER, "1"), (BROKER_LOGGER, "1"), (CLIENT_METRICS, "m"), (GROUP, "g")]
    assert listed(client) == everything
    for kind, name in everything:
        assert listed(client, kind) == [(kind, name)]
    assert listed(client, version=0) == [(CLIENT_METRICS, "m")]
    unknown = client.call("list_config_resources", 1, {"resource_types": (TOPIC, 99)})
    assert (unknown.error_code, unknown.config_resources) == (ErrorCode.unsupported_version, ())


def test_configurations_outlive_the_broker(tmp_path: Path) -> None:
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert alter(client, GROUP, "g", (RESET, SET, "earliest")) is ErrorCode.none
    with Broker(EMBEDDED, tmp_path) as broker, WireClient(broker.port) as client:
        assert values(client, GROUP, "g")[RESET] == ("earliest", 8)
