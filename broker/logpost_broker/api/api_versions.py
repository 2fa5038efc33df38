"""ApiVersions (18), versions 0 to 4: which APIs this broker has, computed from the table.

- v1: throttle time
- v3: the client's software name; features, of which `transaction.version` makes clients use protocol v2 (KIP-890);
  flexible
- v4: features may have 0 as their lowest version; none has here

A version beyond these is answered in the shape of version 0 with UNSUPPORTED_VERSION and the versions of this API
(KIP-511).
"""

from __future__ import annotations

from kio.schema.api_versions.v4.request import ApiVersionsRequest
from kio.schema.api_versions.v4.response import (
    ApiVersion,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)
from kio.schema.errors import ErrorCode
from kio.static.primitive import i16, i64

from logpost_broker.api import SERVED, Served
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.wire.units import NO_THROTTLE

API_VERSIONS_KEY = 18
SHOWN_FROM = {"produce": 0}
"""Versions 0 to 2 are refused all the same: old librdkafka decides its codecs by them (KAFKA-18659)."""
FEATURES = {
    "eligible.leader.replicas.version": 1,
    "group.version": 1,
    "kraft.version": 1,
    "metadata.version": 30,
    "share.version": 1,
    "streams.version": 1,
    "transaction.version": 2,
}
"""Name → its level here, which cannot be changed: those of Apache Kafka 4.3, by which tools tell a release."""


@handles(ApiVersionsRequest, ApiVersionsResponse)
def api_versions(node: Node, request: ApiVersionsRequest, context: RequestContext) -> ApiVersionsResponse:
    return ApiVersionsResponse(
        error_code=ErrorCode.none,
        api_keys=tuple(_range(SERVED[key]) for key in sorted(SERVED)),
        throttle_time=NO_THROTTLE,
        supported_features=tuple(_supported(name, level) for name, level in FEATURES.items()),
        finalized_features_epoch=i64(0),
        finalized_features=tuple(_finalized(name, level) for name, level in FEATURES.items()),
    )


def unsupported_version() -> ApiVersionsResponse:
    return ApiVersionsResponse(
        error_code=ErrorCode.unsupported_version,
        api_keys=(_range(SERVED[API_VERSIONS_KEY]),),
        throttle_time=NO_THROTTLE,
        supported_features=(),
        finalized_features=(),
    )


def _supported(name: str, level: int) -> SupportedFeatureKey:
    return SupportedFeatureKey(name=name, min_version=i16(level), max_version=i16(level))


def _finalized(name: str, level: int) -> FinalizedFeatureKey:
    return FinalizedFeatureKey(name=name, max_version_level=i16(level), min_version_level=i16(level))


def announced(api: Served) -> tuple[int, int]:
    """The lowest and the highest version that clients are told of."""
    return SHOWN_FROM.get(api.name, api.min_version), api.max_version


def _range(api: Served) -> ApiVersion:
    low, high = announced(api)
    return ApiVersion(api_key=i16(api.key), min_version=i16(low), max_version=i16(high))
