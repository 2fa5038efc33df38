"""DescribeUserScramCredentials (50) and AlterUserScramCredentials (51), version 0 each (KIP-554).

A user is altered once in a request, or not at all: DUPLICATE_RESOURCE. All that can be is saved with one write.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from kio.schema.alter_user_scram_credentials.v0.request import AlterUserScramCredentialsRequest
from kio.schema.alter_user_scram_credentials.v0.response import (
    AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult,
)
from kio.schema.describe_user_scram_credentials.v0.request import DescribeUserScramCredentialsRequest
from kio.schema.describe_user_scram_credentials.v0.response import (
    CredentialInfo,
    DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import i8, i32

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.errors import ApiError, without_traces
from logpost_broker.metadata.metadata_file import ScramEntry
from logpost_broker.metadata.scram_credentials import Upsertion, delete, put
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

logger = logging.getLogger("broker")


@handles(DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse)
async def describe_user_scram_credentials(
    node: Node, request: DescribeUserScramCredentialsRequest, context: RequestContext
) -> DescribeUserScramCredentialsResponse:
    """No users asked means all, null or empty, as in Kafka."""
    kept: dict[str, list[ScramEntry]] = {}
    for entry in node.scram_credentials:
        kept.setdefault(entry.user, []).append(entry)
    asked = Counter([user.name for user in request.users or ()] or [*kept])
    return DescribeUserScramCredentialsResponse(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        error_message=None,
        results=tuple(
            [
                _described(user, times, kept.get(user, ()))
                async for user, times in node.turns.each(sorted(asked.items()))
            ]
        ),
    )


def _described(user: str, times: int, entries: Sequence[ScramEntry]) -> DescribeUserScramCredentialsResult:
    if times > 1:
        return _refused(user, ErrorCode.duplicate_resource, f"'{user}' is asked for more than once")
    if not entries:
        return _refused(user, ErrorCode.resource_not_found, f"'{user}' has no credentials")
    return DescribeUserScramCredentialsResult(
        user=user,
        error_code=ErrorCode.none,
        error_message=None,
        credential_infos=tuple(
            CredentialInfo(mechanism=i8(entry.mechanism), iterations=i32(entry.iterations)) for entry in entries
        ),
    )


def _refused(user: str, code: ErrorCode, message: str) -> DescribeUserScramCredentialsResult:
    return DescribeUserScramCredentialsResult(user=user, error_code=code, error_message=message, credential_infos=())


@handles(AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse)
async def alter_user_scram_credentials(
    node: Node, request: AlterUserScramCredentialsRequest, context: RequestContext
) -> AlterUserScramCredentialsResponse:
    asked = Counter([*(one.name for one in request.deletions), *(one.name for one in request.upsertions)])
    outcomes: dict[str, ApiError | None] = {
        user: ApiError(ErrorCode.duplicate_resource, "a user is altered once in a request")
        for user, times in asked.items()
        if times > 1
    }
    with context.in_order():
        async with node.partitions.changing:
            credentials = node.scram_credentials.changes()
            async for deletion in node.turns.each(request.deletions):
                if deletion.name not in outcomes:
                    delete_one = partial(delete, credentials, deletion.name, deletion.mechanism)
                    outcomes[deletion.name] = _refusal(delete_one)
            async for upsertion in node.turns.each(request.upsertions):
                if upsertion.name not in outcomes:
                    wanted = Upsertion(
                        user=upsertion.name,
                        mechanism=upsertion.mechanism,
                        iterations=upsertion.iterations,
                        salt=upsertion.salt,
                        salted_password=upsertion.salted_password,
                    )
                    outcomes[upsertion.name] = _refusal(partial(put, credentials, wanted))
            error = await node.partitions.saved(credentials.save) if credentials.is_any else None
    results = [_altered(user, outcome or error) async for user, outcome in node.turns.each(outcomes.items())]
    return AlterUserScramCredentialsResponse(throttle_time=NO_THROTTLE, results=tuple(results))


def _refusal(change: Callable[[], None]) -> ApiError | None:
    try:
        change()
    except ApiError as error:
        return without_traces(error)
    return None


def _altered(user: str, error: ApiError | None) -> AlterUserScramCredentialsResult:
    if error is None:
        logger.warning("the password of user %s is changed: it is kept, but no client is asked for it", user)
    return AlterUserScramCredentialsResult(
        user=user,
        error_code=ErrorCode.none if error is None else error.code,
        error_message=None if error is None else error.message,
    )
