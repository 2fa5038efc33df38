"""What is not shown: passwords and the like, in settings and in the text of logs. Pure.

In an address the part before its `@` and the part behind its `?` are hidden as a whole: a token may be either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote

import msgspec

HIDDEN = "…"
SECRET = ("password", "passwd", "secret", "token", "tokens", "users", "headers", "credential", "credentials")
"""Last words of settings whose values are not shown."""
SHORTEST = 3
"""Characters; a shorter secret is hidden where a pattern finds it."""
_SECRET_NAME = re.compile(r"pass(word|wd|phrase)?|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_BEFORE_HOST = re.compile(r"(?<=://)(?!/).*@", re.DOTALL)
_QUERY = re.compile(r"\?.*", re.DOTALL)
_NAMES = (
    r"(?<![\w-])[\w-]{0,64}(?:pass(?:word|wd|phrase)|pwd|secret|token|credential|api[_-]?key|private[_-]?key|session[_-]?id"
    r"|signature)\w{0,64}|\b(?:auth|sig)\b"
)
_IN_TEXT = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|\Z)", HIDDEN),
        (r"(?<=://)[^\s\"'<>]{0,1024}@", f"{HIDDEN}@"),
        (r"(://[^\s?\"']{0,1024}\?)[^\s\"']*", rf"\1{HIDDEN}"),
        (r"(?<![\w/])[^\s:@/\"']{1,64}:[^\s@/\"']{1,256}@(?=[\w\[])", f"{HIDDEN}@"),
        (r"((?:cookie|authorization)\\?[\"']?\s*[=:]\s*\\?[\"']?)[^\n\"'\\]+", rf"\1{HIDDEN}"),
        (r"\b(bearer|basic)\s+[a-z0-9._~+/=-]+", rf"\1 {HIDDEN}"),
        (rf"((?:{_NAMES})\\?[\"']?\s*[=:]\s*)(\\?\"[^\"]*\"|'[^']*'|[^\s,;&]+)", rf"\1{HIDDEN}"),
        (rf"(?=--)((?:{_NAMES})\s+)(?!-)\S+", rf"\1{HIDDEN}"),
        (r"\beyJ[\w-]+\.[\w-]+\.[\w-]*|\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AKIA|ASIA)[\w-]{10,}", HIDDEN),
    )
)
"""Tokens of others that are known by their look come last: JSON web tokens, GitHub's, GitLab's, Slack's, Amazon's."""
_SEVERAL_LINES = re.compile(r"([\w.-]+)\s*=\s*(\"{3}|'{3})(.*?)\2", re.DOTALL)


def masked(key: str, value: object) -> object:
    """The value of a setting as it may be shown."""
    if value and key.rpartition(".")[2].lower().endswith(SECRET):
        return HIDDEN
    if isinstance(value, str):
        # A path may be any bytes.
        return _address(value.encode(errors="backslashreplace").decode())
    if isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name) for name in value.__struct_fields__} | _tag(value)
    if isinstance(value, Mapping):
        return {name: masked(f"{key}.{name}", one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [masked(key, one) for one in value]
    return value


def _tag(value: msgspec.Struct) -> dict[str, object]:
    config = value.__struct_config__
    return {config.tag_field: config.tag} if config.tag_field else {}


def _address(value: str) -> str:
    if "://" not in value:
        return value
    return _QUERY.sub(f"?{HIDDEN}", _BEFORE_HOST.sub(f"{HIDDEN}@", value))


def secrets_in(settings: Mapping[str, object], environment: Mapping[str, str], text: str = "") -> frozenset[str]:
    """What must not be shown of settings, of variables whose names say so, and of a configuration file's `text`, which
    may not even be TOML."""
    found = set(_of_settings(settings.items()))
    found |= {value for name, value in environment.items() if _SECRET_NAME.search(name)}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and _SECRET_NAME.search(name):
            found |= set(re.findall(r"[^\s\"',\[\]]+", value))
        found |= set(_of_address(line))
    for name, _, value in _SEVERAL_LINES.findall(text):
        found |= {line.strip() for line in value.splitlines() if _SECRET_NAME.search(name)}
    found |= {unquote(one) for one in found}  # of an address
    found |= {json.dumps(one)[1:-1] for one in found}  # as it stands in what is written as JSON
    return frozenset(one for one in found if len(one) >= SHORTEST)


def _of_settings(settings: Iterable[tuple[str, object]]) -> Iterator[str]:
    for key, value in settings:
        if isinstance(value, msgspec.Struct):
            yield from _of_settings((name, getattr(value, name)) for name in value.__struct_fields__)
        elif isinstance(value, list | tuple):
            yield from _of_settings((key, one) for one in value)
        elif isinstance(value, str):
            if key.rpartition(".")[2].lower().endswith(SECRET):
                yield value
            yield from _of_address(value)


def _of_address(text: str) -> Iterator[str]:
    for before in re.findall(r"://(?!/)([^\s\"']*)@", text):
        yield from before.split(":", 1)[1:] or [before]
    for query in re.findall(r"://[^\s?\"']*\?([^\s\"'#]*)", text):
        yield from (one.partition("=")[2] for one in query.split("&"))


def redacted_json(text: str, secrets: Iterable[str]) -> str:
    """Of the text of a JSON value each text in it, so that it stays JSON."""
    return msgspec.json.format(msgspec.json.encode(_redacted_value(msgspec.json.decode(text), list(secrets)))).decode()


def _redacted_value(value: object, secrets: Sequence[str]) -> object:
    if isinstance(value, str):
        return redacted(value, secrets)
    if isinstance(value, list):
        return [_redacted_value(one, secrets) for one in value]
    if isinstance(value, dict):
        return {redacted(str(name), secrets): _redacted_value(one, secrets) for name, one in value.items()}
    return value


def redacted(text: str, secrets: Iterable[str]) -> str:
    """`text` without the `secrets`, and without what looks like one."""
    for one in sorted(secrets, key=len, reverse=True):
        text = text.replace(one, HIDDEN)
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
