"""Rules for hints about names: what looks like a field and is none, or is one of another name. Pure."""

from __future__ import annotations

import re

from logpost.query.fields import RECORD_FIELDS
from logpost.query.hint_parts import Found, Hint, Place

_CODE = (
    "c|cc|clj|cpp|cs|css|dart|erl|exs?|fs|go|groovy|h|hpp|hs|html|java|js|jsx|json|kts?|log|lua|ml|mjs|nim|php|pl|pm|py"
    "|rb|rs|scala|sh|sql|svelte|swift|tsx?|txt|vue|xml|ya?ml|zig"
)
_DOMAINS = "com|net|org|io|dev|local|localdomain|internal|lan|home|corp|cloud|svc|cluster|example|test"
_PORTS = "443|1433|1521|2181|2379|3306|5432|5672|6379|6443|8080|8443|9042|9090|9092|9093|9200|9300|11211|27017"
_NO_FIELD = re.compile(
    r"[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}"  # a MAC address, IPv6
    rf"|(?:localhost|[\w.-]+\.(?:{_DOMAINS})|[a-z]+-?\d+(?:\.[\w.-]+)?):\d{{2,5}}(?:/.*)?"  # a host and a port
    rf"|(?![\w.-]*port:)[\w.-]+:(?:{_PORTS})"  # … that is well known
    rf"|[\w./@-]+\.(?:{_CODE}):\d+(?::\d+)?:?"  # a file and a line
    r"|[A-Za-z]:[\\/].*"  # a drive
    r"|(?:sha\d+|md5):[0-9a-f]{8,}"
    r"|[\w.+-]+@[\w.-]+:.+"  # of ssh, of git
    r"|(?:mailto|urn|arn|jdbc|data|tel|cid):.+",
    re.IGNORECASE,
)


_UNQUOTED = re.compile(r"((?!\d)[\w$%#][^\s:\"()\\<>=!]*):(?![:/])([^\s:\"()]+)")
_SYNONYMS = {
    **{name: name for name in RECORD_FIELDS},
    **dict.fromkeys(("severity", "lvl", "levelname", "level_name", "loglevel", "log_level", "log.level"), "level"),
    **dict.fromkeys(("severity_text", "severitytext"), "level"),
    **dict.fromkeys(("msg", "_msg", "@message", "body", "short_message"), "message"),
    **dict.fromkeys(("service.name", "service_name", "servicename"), "service"),
    **dict.fromkeys(("hostname", "host.name", "host_name"), "host"),
    **dict.fromkeys(("trace.id", "traceid"), "trace_id"),
    **dict.fromkeys(("span.id", "spanid"), "span_id"),
    **dict.fromkeys(("@timestamp", "timestamp", "time", "_time", "ts", "date"), "time"),
}
_PLAIN_NAME = re.compile(r"[A-Za-z_@][\w.@-]*", re.ASCII)
_INDEX = re.compile(r"\[(?:\d+|\*)?\]")
_ELEMENT = re.compile(r"(?<=[A-Za-z_])\.\d{1,3}(?=\.[A-Za-z_]|:$)")
_TIME_LIMITS = ("since:", "until:", "from:", "to:", "earliest:", "latest:", "start:", "end:", "after:", "before:")
_TIME = re.compile(r"\d{4}-\d\d|now|-?\d+(?:ms|[smhdw])$")


def field_that_is_none(place: Place) -> Found:
    part = place.part
    if part.kind != "VALUE" or not part.field or not _NO_FIELD.fullmatch(part.text):
        return None
    return Hint(part.at, f"the field {part.field[:-1]}", f'"{escaped(part.text)}"'), part.end


def unquoted_name(place: Place) -> Found:
    """`app.kubernetes.io/name:shop`, `$type:x`, `ключ:да`; `items[0].sku:A1`."""
    part = place.part
    match = _UNQUOTED.fullmatch(part.text)
    if part.kind != "WORD" or not match or _NO_FIELD.fullmatch(part.text):
        return None
    without_index = _INDEX.sub("", match[1])
    name = without_index if _PLAIN_NAME.fullmatch(without_index) else f'"{escaped(match[1])}"'
    return Hint(part.at, f"the text {part.text}", f"{name}:{match[2]}"), part.end


def element(place: Place) -> Found:
    """`items.0.sku:A1`."""
    part = place.part
    name, found = _ELEMENT.subn("", part.field)
    if part.kind != "VALUE" or not found:
        return None
    return Hint(part.at, f"the attribute {part.field[:-1]}", name + part.value), part.end


def time_range(place: Place) -> Found:
    """`since:1h`, `earliest:-1d`."""
    part = place.part
    if part.kind != "VALUE" or part.field not in _TIME_LIMITS or not _TIME.match(part.value):
        return None
    return Hint(part.at, f"the attribute {part.field[:-1]}", "the time range"), part.end


def is_time(name: str) -> bool:
    return _SYNONYMS.get(name.lower()) == "time"


def other_name(place: Place) -> Found:
    """`severity:error`, `msg:timeout`, `Level:error`: what other programs call the fields of a record."""
    part = place.part
    name = part.field[:-1]
    known = _SYNONYMS.get(name.lower(), "")
    if not known or known == name:
        return None
    following = place.beside(1)
    value = part.value + (following.text if part.kind == "COMPARISON" and following else "")
    end = following.end if part.kind == "COMPARISON" and following else part.end
    if known != "time":
        return Hint(part.at, f"the attribute {name}", f"{known}:{value}"), end
    if not re.match(r"[<>]?=?(?:\d{4}-\d\d|now)", value):
        return None
    return Hint(part.at, f"the attribute {name}", "the time range"), end


def exists(place: Place) -> Found:
    """`_exists_:status`."""
    part = place.part
    if part.field not in ("_exists_:", "exists:", "has:") or part.kind != "VALUE":
        return None
    return Hint(part.at, f"the attribute {part.field[:-1]}", f"{part.value}:*"), part.end


def escaped(text: str) -> str:
    return re.sub(r'["\\]', r"\\\g<0>", text)
