"""The settings as they are read: one TOML file, over it the environment, over both the command line.

An unknown key or a wrong type is a mistake that names the key and where it stands.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from logpost.addresses import host_and_port, local_host
from logpost.config.mistakes import nearest_name
from logpost.config.tables import DEFAULTS, SHORT_KEYS, Config
from logpost.config.tree import prune, spell_out
from logpost.errors import ConfigError

SYSTEM_FILE = Path("/etc/logpost/logpost.toml")
ENVIRONMENT_PREFIX = "LOGPOST_"
_ARRAYS = {key for key, default in DEFAULTS.items() if isinstance(default, tuple)}
"""Arrays of tables, which no variable sets."""
_TEXTS = [key for key in (*DEFAULTS, *SHORT_KEYS) if key not in _ARRAYS]
_KUBERNETES = re.compile(r"_SERVICE_(HOST|PORT(_.+)?)\Z|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?\Z")
_KUBERNETES_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration with, per dotted key (`broker.port`), what set it; a missing key has its default."""

    config: Config
    origins: Mapping[str, str]


def load(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> Loaded:
    """Read `file` (default: the system's, if there is one), then the environment, then `overrides`
    (dotted key → value, from the command line). Raises ConfigError with the first mistake."""
    loaded, mistakes = load_with_mistakes(file, environment, overrides)
    if mistakes:
        raise ConfigError(mistakes[0])
    return loaded


def load_with_mistakes(
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
) -> tuple[Loaded, list[str]]:
    """As `load`, but returns all mistakes, each with its source and key; where there is one, the default stands. Raises
    ConfigError for a file that cannot be read at all."""
    tree: dict[str, object] = {}
    origins: dict[str, str] = {}
    mistakes: list[str] = []
    if file is None and SYSTEM_FILE.exists():
        file = SYSTEM_FILE
    if file is not None:
        tree = _read_toml(file)
        spelled, wrong = spell_out(tree, SHORT_KEYS, DEFAULTS)
        mistakes += [f"{file}: {mistake}" for mistake in (*wrong, *prune(tree, Config, strict=True))]
        origins.update({key: f"{file}{spelled.get(key, '')}" for key in _dotted(tree)})
    for variable, text in environment.items():
        source = f"environment variable {variable}"
        if (key := _key_of(variable, text)) is None:
            continue
        if not key:
            mistakes.append(f"{source} names no setting{_meant(variable)}; `logpost config print` lists them")
            continue
        layer: dict[str, object] = {}
        _set(layer, key, text)
        spelled, wrong = spell_out(layer, SHORT_KEYS, DEFAULTS)
        wrong += prune(layer, Config, strict=False)
        for found in _dotted(layer):
            if origins.get(found, "").startswith("environment"):
                wrong.append(f"sets {found}, as does {origins[found].partition(' (')[0]}: keep one of them")
            origins[found] = f"{source}{spelled.get(found, '')}"
            _set(tree, found, _get(layer, found))
        mistakes += [f"{source}: {mistake}" for mistake in wrong]
    for dotted, value in (overrides or {}).items():
        _set(tree, dotted, value)
        origins[dotted] = "command line"
    mistakes += [f"command line: {mistake}" for mistake in prune(tree, Config, strict=False)]
    config = msgspec.convert(tree, Config, strict=False)
    if "kafka.bootstrap_servers" not in origins:
        config = _with_own_broker(config)
    return Loaded(config=config, origins=origins), mistakes


def _with_own_broker(config: Config) -> Config:
    """Who names no broker means the one of these settings."""
    broker = config.broker
    if not broker.port:
        return config  # which one it takes is known to nobody here
    servers = host_and_port(local_host(broker.listen), broker.port)
    return msgspec.structs.replace(config, kafka=msgspec.structs.replace(config.kafka, bootstrap_servers=servers))


def _read_toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark before it
    except OSError as error:
        remedy = ": run this as root, or as a member of its group" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"cannot read the configuration {file}: {error.strerror}{remedy}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file} is not UTF-8 (line {line}): save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error


def _key_of(variable: str, text: str) -> str | None:
    """`LOGPOST_BROKER_PORT` → `broker.port`; the empty text for a variable of ours that names no setting; None for one
    that is not ours. `LOGPOST_INTERNAL_*` is how the supervisor talks to its children and no setting."""
    if not variable.startswith(ENVIRONMENT_PREFIX) or variable.startswith(ENVIRONMENT_PREFIX + "INTERNAL_"):
        return None
    if is_made_by_kubernetes(variable, text):
        return None
    return next((key for key in _TEXTS if _variable(key) == variable), "")


def _variable(key: str) -> str:
    return ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


def _meant(variable: str) -> str:
    names = {_variable(key).lower(): key for key in _TEXTS}
    nearest = nearest_name(variable, names) if variable not in map(_variable, _ARRAYS) else ""
    return f" (did you mean {_variable(names[nearest])}?)" if nearest else ""


def is_made_by_kubernetes(variable: str, text: str) -> bool:
    """Every pod beside a Service named `logpost…` gets variables of its address: `LOGPOST_BROKER_PORT=tcp://10.0.0.1:9092`
    is not the setting `broker.port`."""
    return bool(_KUBERNETES.search(variable) or (variable.endswith("_PORT") and _KUBERNETES_ADDRESS.match(text)))


def _dotted(tree: Mapping[str, object], prefix: str = "") -> list[str]:
    keys: list[str] = []
    for name, value in tree.items():
        keys += _dotted(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return keys


def _set(tree: dict[str, object], dotted: str, value: object) -> None:
    *tables, name = dotted.split(".")
    for table in tables:
        inner = tree.setdefault(table, {})
        assert isinstance(inner, dict)
        tree = inner
    tree[name] = value


def _get(tree: Mapping[str, object], dotted: str) -> object:
    value: object = tree
    for name in dotted.split("."):
        assert isinstance(value, Mapping)
        value = value[name]
    return value
