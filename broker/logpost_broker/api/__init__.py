"""What the broker answers: the table of its APIs, and a file for each family of them.

A file is imported when a client first uses one of its APIs. All of them would take as long as the rest of the start.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kio.schema.index import api_key_map, schema_name_map

from logpost_broker.api.registry import REGISTERED, Api

FILES: Mapping[str, Sequence[str]] = {
    "acls": ("create_acls", "delete_acls", "describe_acls"),
    "add_offsets_to_txn": ("add_offsets_to_txn",),
    "add_partitions_to_txn": ("add_partitions_to_txn",),
    "alter_configs": ("alter_configs", "incremental_alter_configs"),
    "api_versions": ("api_versions",),
    "client_quotas": ("alter_client_quotas", "describe_client_quotas"),
    "consumer_groups": ("consumer_group_describe", "consumer_group_heartbeat"),
    "create_partitions": ("create_partitions",),
    "create_topics": ("create_topics",),
    "delegation_tokens": (
        "create_delegation_token",
        "describe_delegation_token",
        "expire_delegation_token",
        "renew_delegation_token",
    ),
    "delete_records": ("delete_records",),
    "delete_topics": ("delete_topics",),
    "describe_cluster": ("describe_cluster",),
    "describe_configs": ("describe_configs",),
    "describe_producers": ("describe_producers",),
    "describe_quorum": ("describe_quorum",),
    "describe_topic_partitions": ("describe_topic_partitions",),
    "elect_leaders": ("elect_leaders",),
    "end_txn": ("end_txn",),
    "fetch": ("fetch",),
    "find_coordinator": ("find_coordinator",),
    "group_admin": ("delete_groups", "describe_groups", "list_groups"),
    "group_membership": ("heartbeat", "join_group", "leave_group", "sync_group"),
    "group_offsets": ("offset_commit", "offset_delete", "offset_fetch"),
    "init_producer_id": ("init_producer_id",),
    "list_config_resources": ("list_config_resources",),
    "list_offsets": ("list_offsets",),
    "log_dirs": ("alter_replica_log_dirs", "describe_log_dirs"),
    "metadata": ("metadata",),
    "offset_for_leader_epoch": ("offset_for_leader_epoch",),
    "partition_reassignments": ("alter_partition_reassignments", "list_partition_reassignments"),
    "produce": ("produce",),
    "quorum_membership": ("add_raft_voter", "remove_raft_voter", "unregister_broker"),
    "sasl": ("sasl_authenticate", "sasl_handshake"),
    "scram_credentials": ("alter_user_scram_credentials", "describe_user_scram_credentials"),
    "share_acknowledge": ("share_acknowledge",),
    "share_fetch": ("share_fetch",),
    "share_group_membership": ("share_group_describe", "share_group_heartbeat"),
    "share_group_offsets": (
        "alter_share_group_offsets",
        "delete_share_group_offsets",
        "describe_share_group_offsets",
    ),
    "share_group_state": (
        "delete_share_group_state",
        "initialize_share_group_state",
        "read_share_group_state",
        "read_share_group_state_summary",
        "write_share_group_state",
    ),
    "streams_group_describe": ("streams_group_describe",),
    "streams_group_heartbeat": ("streams_group_heartbeat",),
    "transactions_listing": ("describe_transactions", "list_transactions"),
    "txn_offset_commit": ("txn_offset_commit",),
    "update_features": ("update_features",),
    "write_txn_markers": ("write_txn_markers",),
}
"""File of this package → kio's names of the APIs that it handles."""


@dataclass(frozen=True, slots=True)
class Served:
    """An API that the broker has, whether or not anybody has used it."""

    key: int
    name: str
    """kio's folder name, such as `list_offsets`."""
    min_version: int
    max_version: int
    file: str


def _served() -> dict[int, Served]:
    keys = {name: key for key, name in api_key_map.items()}
    versions = {name: sorted(schema_name_map[name]) for names in FILES.values() for name in names}
    return {
        keys[name]: Served(keys[name], name, versions[name][0], versions[name][-1], file)
        for file, names in FILES.items()
        for name in names
    }


SERVED: Mapping[int, Served] = _served()
"""API key → what is served of it."""


def handled(key: int) -> Api | None:
    """The API with its handler; None when it is not served. Imports its file."""
    api = REGISTERED.get(key)
    if api is None and key in SERVED:
        importlib.import_module(f"{__name__}.{SERVED[key].file}")
        api = REGISTERED[key]
    return api
