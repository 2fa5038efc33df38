"""What a setting of Kafka's may be: default, type, and which values. And how clients are told of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from logpost_broker.errors import ApiError

UNKNOWN, BOOLEAN, STRING, INT, LONG, DOUBLE, LIST = 0, 1, 2, 3, 5, 6, 7
"""ConfigDef types as DescribeConfigs numbers them."""
MAX_LONG = 2**63 - 1
MAX_INT = 2**31 - 1
WHOLE_NUMBER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
DECIMAL_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
"""Python takes underscores and the digits of other scripts too."""


@dataclass(frozen=True, slots=True)
class ConfigDefinition:
    default: str
    type: int
    check: Callable[[str], object]
    """Refuses a value: raises ValueError."""


@dataclass(frozen=True, slots=True)
class Synonym:
    """One of the places that a value may come from. Without a name clients are not told of it."""

    name: str
    value: str
    source: int


@dataclass(frozen=True, slots=True)
class DescribedConfig:
    """A setting as clients are told."""

    name: str
    type: int
    synonyms: Sequence[Synonym]
    """Of which the first is in force."""
    read_only: bool = False

    @property
    def value(self) -> str:
        return self.synonyms[0].value

    @property
    def source(self) -> int:
        return self.synonyms[0].source


def whole_number(text: str) -> int:
    """Raises ValueError."""
    if not WHOLE_NUMBER.fullmatch(text):
        raise ValueError("must be a whole number")
    return int(text)


def decimal_number(text: str) -> float:
    """Raises ValueError."""
    if not DECIMAL_NUMBER.fullmatch(text):
        raise ValueError("must be a number")
    return float(text)


def number(default: int, low: int, high: int = MAX_LONG) -> ConfigDefinition:
    def check(text: str) -> None:
        if not low <= whole_number(text) <= high:
            raise ValueError(f"must lie in {low} to {high}")

    return ConfigDefinition(str(default), INT if high <= MAX_INT else LONG, check)


def one_of(default: str, *choices: str) -> ConfigDefinition:
    def check(text: str) -> None:
        if text not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")

    return ConfigDefinition(default, STRING, check)


def boolean(default: str) -> ConfigDefinition:
    def check(text: str) -> None:
        if text.strip().lower() not in ("true", "false"):
            raise ValueError("must be true or false")

    return ConfigDefinition(default, BOOLEAN, check)


def checked(
    definitions: Mapping[str, ConfigDefinition], overrides: Mapping[str, str | None], kind: str
) -> dict[str, str]:
    """The overrides as they are kept. Raises ApiError INVALID_CONFIG, naming the setting; `kind` is what has it."""
    for name, value in overrides.items():
        definition = definitions.get(name)
        if definition is None:
            raise ApiError(ErrorCode.invalid_config, f"unknown {kind} config name: {name}")
        try:
            if value is None:
                raise ValueError("must not be null")
            definition.check(value)
        except ValueError as error:
            raise ApiError(ErrorCode.invalid_config, f"invalid value {value} for {name}: {error}") from None
    return {name: value for name, value in overrides.items() if value is not None}
