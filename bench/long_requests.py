"""Requests with as many elements as one may have, made from their schemas: rows of `bench/patience.py`."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kio.schema.index import api_key_map
from kio.serial import entity_writer

from logpost_broker.api import handled
from tests.broker.api.many_elements import ArrayPath, Filler
from tests.broker.wire_client import WireClient, entity

ELEMENTS = 99_990

KEYS = {name: key for key, name in api_key_map.items()}


def frame(name: str, path: ArrayPath, known: Mapping[str, Any], *, is_alike: bool = False) -> bytes:
    """A request of the newest version with many elements at `path`."""
    api = handled(KEYS[name])
    assert api is not None
    header = {"request_api_key": api.key, "request_api_version": api.max_version, "client_id": "bench"}
    out = io.BytesIO()
    entity_writer(api.request.__header_schema__)(out, entity(api.request.__header_schema__, header))
    entity_writer(api.request)(out, Filler(known, is_alike).filled(api.request, path, ELEMENTS))
    return out.getvalue()


def asking(client: WireClient, *, name: str, path: ArrayPath, known: Mapping[str, Any]) -> Callable[[], object]:
    long = frame(name, path, known)

    def ask() -> None:
        client.send_frame(long)
        client.receive_frame()

    return ask


def row(name: str, *path: str, **known: Any) -> tuple[str, Callable[[WireClient], Callable[[], object]]]:
    return f"{name} of 100,000 {path[-1]}", partial(asking, name=name, path=path, known=known)


LONG = dict(
    [
        row("alter_client_quotas", "entries"),
        row("alter_partition_reassignments", "topics", "partitions"),
        row("alter_replica_log_dirs", "dirs", "topics", "partitions"),
        row("alter_user_scram_credentials", "deletions", mechanism=1),
        row("consumer_group_describe", "group_ids"),
        row("create_acls", "creations"),
        row("create_partitions", "topics"),
        row("delete_groups", "groups_names"),
        row("delete_topics", "topics", topic_id=None),
        row("describe_configs", "resources", resource_type=2),
        row("describe_groups", "groups"),
        row("describe_log_dirs", "topics"),
        row("describe_producers", "topics", "partition_indexes"),
        row("describe_quorum", "topics", "partitions"),
        row("describe_share_group_offsets", "groups"),
        row("describe_topic_partitions", "topics", cursor=None),
        row("describe_transactions", "transactional_ids"),
        row("describe_user_scram_credentials", "users"),
        row("elect_leaders", "topic_partitions", "partitions"),
        row("find_coordinator", "coordinator_keys", key_type=0),
        row("incremental_alter_configs", "resources", resource_type=2),
        row("initialize_share_group_state", "topics", "partitions"),
        row("leave_group", "members"),
        row("metadata", "topics", topic_id=None, allow_auto_topic_creation=False),
        row("produce", "topic_data", "partition_data", acks=-1),
        row("share_group_describe", "group_ids"),
        row("streams_group_describe", "group_ids"),
    ]
)
