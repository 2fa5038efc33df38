"""SCRAM credentials (KIP-554): kept and described. What a client proves its password by (RFC 5802), never the password.

A listener without authentication checks nothing against them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError
from logpost_broker.metadata.kept_entries import EntryChanges, KeptEntries
from logpost_broker.metadata.metadata_file import MetadataFile, ScramEntry

MECHANISMS = {1: "sha256", 2: "sha512"}
"""Kafka's number → the hash of the mechanism."""
MIN_ITERATIONS, MAX_ITERATIONS = 4096, 16384

Key = tuple[str, int]
"""User and mechanism."""
ScramChanges = EntryChanges[Key, ScramEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsertion:
    user: str
    mechanism: int
    iterations: int
    salt: bytes
    salted_password: bytes

    def credential(self) -> ScramEntry:
        """Raises ApiError: UNACCEPTABLE_CREDENTIAL, UNSUPPORTED_SASL_MECHANISM."""
        check_user(self.user, self.mechanism)
        if not MIN_ITERATIONS <= self.iterations <= MAX_ITERATIONS:
            raise ApiError(
                ErrorCode.unacceptable_credential, f"iterations must lie in {MIN_ITERATIONS} to {MAX_ITERATIONS}"
            )
        if not self.salted_password:
            raise ApiError(ErrorCode.unacceptable_credential, "the salted password is empty")
        digest = MECHANISMS[self.mechanism]
        client_key = hmac.digest(self.salted_password, b"Client Key", digest)
        return ScramEntry(
            user=self.user,
            mechanism=self.mechanism,
            iterations=self.iterations,
            salt=self.salt,
            stored_key=hashlib.new(digest, client_key).digest(),
            server_key=hmac.digest(self.salted_password, b"Server Key", digest),
        )


class ScramCredentials:
    """All credentials: one for a user and a mechanism."""

    def __init__(self, metadata: MetadataFile) -> None:
        self._kept: KeptEntries[Key, ScramEntry] = KeptEntries(
            metadata, "scram_credentials", lambda entry: (entry.user, entry.mechanism)
        )

    def __iter__(self) -> Iterator[ScramEntry]:
        return iter(self._kept)

    def changes(self) -> ScramChanges:
        return self._kept.changes()


def put(credentials: ScramChanges, upsertion: Upsertion) -> None:
    """Raises ApiError: UNACCEPTABLE_CREDENTIAL, UNSUPPORTED_SASL_MECHANISM, POLICY_VIOLATION."""
    credentials.put((upsertion.user, upsertion.mechanism), upsertion.credential())


def delete(credentials: ScramChanges, user: str, mechanism: int) -> None:
    """Raises ApiError: UNACCEPTABLE_CREDENTIAL, UNSUPPORTED_SASL_MECHANISM, RESOURCE_NOT_FOUND."""
    check_user(user, mechanism)
    if credentials.get((user, mechanism)) is None:
        raise ApiError(ErrorCode.resource_not_found, f"{user} has no such credential")
    credentials.put((user, mechanism), None)


def check_user(user: str, mechanism: int) -> None:
    """Whether such a credential can be. Raises ApiError."""
    if not user:
        raise ApiError(ErrorCode.unacceptable_credential, "the user's name is empty")
    if mechanism not in MECHANISMS:
        raise ApiError(ErrorCode.unsupported_sasl_mechanism, f"there is no SCRAM mechanism {mechanism}")
