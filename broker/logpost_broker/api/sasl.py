"""SaslHandshake (17), versions 0 and 1, and SaslAuthenticate (36), 0 to 2: this listener is PLAINTEXT.

- SaslAuthenticate v1: how long a session lasts. v2: flexible

Nobody is asked who they are, so an attempt to say it is ILLEGAL_SASL_STATE, as on such a listener of Apache Kafka: the
client is set up for another one.
"""

from __future__ import annotations

from kio.schema.errors import ErrorCode
from kio.schema.sasl_authenticate.v2.request import SaslAuthenticateRequest
from kio.schema.sasl_authenticate.v2.response import SaslAuthenticateResponse
from kio.schema.sasl_handshake.v1.request import SaslHandshakeRequest
from kio.schema.sasl_handshake.v1.response import SaslHandshakeResponse

from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node


@handles(SaslHandshakeRequest, SaslHandshakeResponse)
def sasl_handshake(node: Node, request: SaslHandshakeRequest, context: RequestContext) -> SaslHandshakeResponse:
    return SaslHandshakeResponse(error_code=ErrorCode.illegal_sasl_state, mechanisms=())


@handles(SaslAuthenticateRequest, SaslAuthenticateResponse)
def sasl_authenticate(
    node: Node, request: SaslAuthenticateRequest, context: RequestContext
) -> SaslAuthenticateResponse:
    return SaslAuthenticateResponse(
        error_code=ErrorCode.illegal_sasl_state,
        error_message="this listener is PLAINTEXT: it authenticates nobody",
        auth_bytes=b"",
    )
