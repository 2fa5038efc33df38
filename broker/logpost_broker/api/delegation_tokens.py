"""CreateDelegationToken (38), RenewDelegationToken (39), ExpireDelegationToken (40), DescribeDelegationToken (41).

Versions 1 to 3, of renewing and expiring 1 and 2. A token speaks for somebody who has proved who they are (KIP-48),
which nobody does on a PLAINTEXT listener: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.
"""

from __future__ import annotations

from kio.schema.create_delegation_token.v3.request import CreateDelegationTokenRequest
from kio.schema.create_delegation_token.v3.response import CreateDelegationTokenResponse
from kio.schema.describe_delegation_token.v3.request import DescribeDelegationTokenRequest
from kio.schema.describe_delegation_token.v3.response import DescribeDelegationTokenResponse
from kio.schema.errors import ErrorCode
from kio.schema.expire_delegation_token.v2.request import ExpireDelegationTokenRequest
from kio.schema.expire_delegation_token.v2.response import ExpireDelegationTokenResponse
from kio.schema.renew_delegation_token.v2.request import RenewDelegationTokenRequest
from kio.schema.renew_delegation_token.v2.response import RenewDelegationTokenResponse

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE, instant

NEVER = instant(0)
REFUSAL = ErrorCode.delegation_token_request_not_allowed
USER, ANONYMOUS = "User", "ANONYMOUS"


@handles(CreateDelegationTokenRequest, CreateDelegationTokenResponse)
def create_delegation_token(
    node: Node, request: CreateDelegationTokenRequest, context: RequestContext
) -> CreateDelegationTokenResponse:
    return CreateDelegationTokenResponse(
        error_code=REFUSAL,
        principal_type=USER,
        principal_name=ANONYMOUS,
        token_requester_principal_type=USER,
        token_requester_principal_name=ANONYMOUS,
        issue_timestamp=NEVER,
        expiry_timestamp=NEVER,
        max_timestamp=NEVER,
        token_id="",
        hmac=b"",
        throttle_time=NO_THROTTLE,
    )


@handles(RenewDelegationTokenRequest, RenewDelegationTokenResponse)
def renew_delegation_token(
    node: Node, request: RenewDelegationTokenRequest, context: RequestContext
) -> RenewDelegationTokenResponse:
    return RenewDelegationTokenResponse(error_code=REFUSAL, expiry_timestamp=NEVER, throttle_time=NO_THROTTLE)


@handles(ExpireDelegationTokenRequest, ExpireDelegationTokenResponse)
def expire_delegation_token(
    node: Node, request: ExpireDelegationTokenRequest, context: RequestContext
) -> ExpireDelegationTokenResponse:
    return ExpireDelegationTokenResponse(error_code=REFUSAL, expiry_timestamp=NEVER, throttle_time=NO_THROTTLE)


@handles(DescribeDelegationTokenRequest, DescribeDelegationTokenResponse)
def describe_delegation_token(
    node: Node, request: DescribeDelegationTokenRequest, context: RequestContext
) -> DescribeDelegationTokenResponse:
    return DescribeDelegationTokenResponse(error_code=REFUSAL, tokens=(), throttle_time=NO_THROTTLE)
