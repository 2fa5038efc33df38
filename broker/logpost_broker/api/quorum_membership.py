"""UnregisterBroker (64), version 0, AddRaftVoter (80), 0 and 1, RemoveRaftVoter (81), 0: who belongs to the cluster.

- AddRaftVoter v1: whether the answer waits until the change is committed

This node alone does. Another broker is BROKER_ID_NOT_REGISTERED, another voter VOTER_NOT_FOUND. Its own id is refused
with INVALID_REQUEST, where Apache Kafka takes the only broker out of its own cluster. No voter can be added:
UNSUPPORTED_VERSION, as by Kafka whose quorum is a fixed one.
"""

from __future__ import annotations

from kio.schema.add_raft_voter.v1.request import AddRaftVoterRequest
from kio.schema.add_raft_voter.v1.response import AddRaftVoterResponse
from kio.schema.errors import ErrorCode
from kio.schema.remove_raft_voter.v0.request import RemoveRaftVoterRequest
from kio.schema.remove_raft_voter.v0.response import RemoveRaftVoterResponse
from kio.schema.unregister_broker.v0.request import UnregisterBrokerRequest
from kio.schema.unregister_broker.v0.response import UnregisterBrokerResponse

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError
from logpost_broker.metadata.ids import NODE_ID
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE


@handles(UnregisterBrokerRequest, UnregisterBrokerResponse)
def unregister_broker(
    node: Node, request: UnregisterBrokerRequest, context: RequestContext
) -> UnregisterBrokerResponse:
    if request.broker_id == NODE_ID:
        code, message = ErrorCode.invalid_request, "the only broker cannot be unregistered"
    else:
        code, message = ErrorCode.broker_id_not_registered, f"there is no broker {request.broker_id}"
    return UnregisterBrokerResponse(throttle_time=NO_THROTTLE, error_code=code, error_message=message)


@handles(AddRaftVoterRequest, AddRaftVoterResponse)
def add_raft_voter(node: Node, request: AddRaftVoterRequest, context: RequestContext) -> AddRaftVoterResponse:
    try:
        _check_voter(node, request)
        if request.voter_id == NODE_ID:
            raise ApiError(ErrorCode.duplicate_voter, f"{NODE_ID} is the voter already")
        if not request.listeners:
            raise ApiError(ErrorCode.invalid_request, "a voter needs an address")
        raise ApiError(ErrorCode.unsupported_version, "the quorum of a single node is fixed")
    except ApiError as error:
        return AddRaftVoterResponse(throttle_time=NO_THROTTLE, error_code=error.code, error_message=error.message)


@handles(RemoveRaftVoterRequest, RemoveRaftVoterResponse)
def remove_raft_voter(node: Node, request: RemoveRaftVoterRequest, context: RequestContext) -> RemoveRaftVoterResponse:
    try:
        _check_voter(node, request)
        # The only voter has no directory id, and cannot go either.
        raise ApiError(ErrorCode.voter_not_found, "no voter has this id and this directory")
    except ApiError as error:
        return RemoveRaftVoterResponse(throttle_time=NO_THROTTLE, error_code=error.code, error_message=error.message)


def _check_voter(node: Node, request: AddRaftVoterRequest | RemoveRaftVoterRequest) -> None:
    """Raises ApiError."""
    if request.cluster_id not in (None, node.cluster_id):
        raise ApiError(ErrorCode.inconsistent_cluster_id, f"this is cluster {node.cluster_id}")
    if request.voter_id < 0 or request.voter_directory_id is None:
        raise ApiError(ErrorCode.invalid_request, "a voter has an id and the id of its directory")
