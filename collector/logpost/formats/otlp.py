"""OpenTelemetry's protocol as JSON (OTLP/JSON): a log record among its scope and resource. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from logpost.formats.json_text import Document, add_value


def log_record(document: Document) -> Document | None:
    """The document as one level of names, where it is a log record or an export request with a single one; None for
    all others. A value of another shape than the protocol's stays as it is."""
    if "resourceLogs" not in document:
        return _record(document, {}) if isinstance(document.get("body"), dict) else None
    resource = _only(document["resourceLogs"])
    scope = _only(resource.get("scopeLogs"))
    record = _only(scope.get("logRecords"))
    if not record or len(document) > 1:
        return None
    around: Document = {}
    described = resource.get("resource")
    if isinstance(described, dict):
        _add_attributes(described, around)
    if isinstance(scope.get("scope"), dict) and scope["scope"]:
        around["scope"] = scope["scope"]
    return _record(record, around)


def _only(found: object) -> Document:
    """The one object of an array; empty where there are none or several."""
    return found[0] if isinstance(found, list) and len(found) == 1 and isinstance(found[0], dict) else {}


def _record(record: Document, around: Document) -> Document:
    _add_attributes(record, around)
    for name, value in record.items():
        if name != "attributes":
            add_value(around, name, value)
    return around


def _add_attributes(described: Mapping[str, object], document: Document) -> None:
    attributes = described.get("attributes")
    if not isinstance(attributes, list):
        if attributes is not None:
            add_value(document, "attributes", attributes)
        return
    for pair in attributes:
        match pair:
            case {"key": str(name), **rest}:
                add_value(document, name, _value(rest.get("value")))
            case _:
                add_value(document, "attributes", pair)


def _value(value: object) -> object:
    match value:
        case {"stringValue": found} | {"boolValue": found} | {"doubleValue": found} | {"bytesValue": found}:
            return found
        case {"intValue": str(digits)} if digits.removeprefix("-").isdecimal() and len(digits) < 20:
            return int(digits)
        case {"intValue": found}:
            return found
        case {"arrayValue": {"values": list(found)}}:
            return [_value(one) for one in found]
        case {"kvlistValue": {"values": list(found)}}:
            document: Document = {}
            _add_attributes({"attributes": found}, document)
            return document
    return value
