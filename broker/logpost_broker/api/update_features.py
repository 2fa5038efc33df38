"""UpdateFeatures (57), versions 0 to 2 (KIP-584): features have the level this release has, and keep it.

- v1: kinds of upgrade, `validate_only`. v2: a result for all features together, not for each

To ask for the level a feature has is granted, anything else is INVALID_UPDATE_VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass

from kio.schema.errors import ErrorCode
from kio.schema.update_features.v2.request import FeatureUpdateKey, UpdateFeaturesRequest
from kio.schema.update_features.v2.response import UpdateFeaturesResponse

from logpost_broker.api.api_versions import FEATURES
from logpost_broker.api.registry import RequestContext, handles
from logpost_broker.node import Node
from logpost_broker.wire.convert import Adapted
from logpost_broker.wire.units import NO_THROTTLE

UPGRADE_TYPES = (1, 2, 3)
"""Upgrade, safe and unsafe downgrade."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted(UpdateFeaturesResponse):
    """With what versions before 2 answer beside it: clients of those miss a feature that is not named."""

    features: tuple[str, ...]


def _results(response: UpdateFeaturesResponse) -> list[dict[str, object]]:
    features = response.features if isinstance(response, Granted) else ()
    return [{"feature": name, "error_code": ErrorCode.none, "error_message": None} for name in features]


@handles(UpdateFeaturesRequest, UpdateFeaturesResponse, lower=[Adapted("results", until=1, value=_results)])
def update_features(node: Node, request: UpdateFeaturesRequest, context: RequestContext) -> UpdateFeaturesResponse:
    refusals = [refusal for update in request.feature_updates if (refusal := _refusal(update)) is not None]
    if refusals:
        return UpdateFeaturesResponse(
            throttle_time=NO_THROTTLE, error_code=ErrorCode.invalid_update_version, error_message=refusals[0]
        )
    return Granted(
        throttle_time=NO_THROTTLE,
        error_code=ErrorCode.none,
        error_message=None,
        features=tuple(update.feature for update in request.feature_updates),
    )


def _refusal(update: FeatureUpdateKey) -> str | None:
    """Why not, if so."""
    level = FEATURES.get(update.feature)
    if level is None:
        return f"there is no feature {update.feature}"
    if update.max_version_level != level:
        return f"{update.feature} has level {level}, and cannot get {update.max_version_level}"
    if update.upgrade_type not in UPGRADE_TYPES:
        return f"there is no upgrade of type {update.upgrade_type}"
    return None
