"""One version for all handlers: requests are lifted to the newest entity of their API, answers lowered again.

A conversion from one entity class to another is compiled once into steps, one per field of the target: copy what has
the same name, convert nested entities, fill what the source lacks with the schema's default. Where nothing has to
change there is no conversion at all: kio's writers only read attributes, so a newest response is written as it is.

Topics: newest names them by id, older versions by name (KIP-516). Wherever a source has one and the target the other,
`TopicNames` translates. A name nobody knows gets an id nobody knows for the length of its request, so that the
handler's UNKNOWN_TOPIC_ID goes back under the name, as the UNKNOWN_TOPIC_OR_PARTITION that such a client expects.
"""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Protocol, Union, get_args, get_origin

from kio.schema.errors import ErrorCode

NAME_FIELDS = ("name", "topic")


@dataclasses.dataclass(frozen=True, slots=True)
class Adapted:
    """A top-level field that copying by name cannot fill, in versions up to and including `until`.

    In `lift`, `field` is a field of the newest request and `value` is given the old request entity. In `lower`, `field`
    is a field of the old response and `value` is given the newest response. A value may be a primitive, an entity of
    another version, or a dict of field values, or a sequence of those: it is converted to what the field holds.
    """

    field: str
    until: int
    value: Callable[[Any], object]


class NamedTopic(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def id(self) -> uuid.UUID: ...


class TopicLookup(Protocol):
    def by_name(self, name: str) -> NamedTopic | None: ...

    def by_id(self, topic_id: uuid.UUID | None) -> NamedTopic | None: ...


class TopicNames:
    """Names to ids and back, for one request."""

    __slots__ = ("_topics", "_translated")

    def __init__(self, topics: TopicLookup) -> None:
        self._topics = topics
        self._translated: dict[uuid.UUID | None, str] = {}

    def id_of(self, name: str) -> uuid.UUID:
        topic = self._topics.by_name(name)
        topic_id = uuid.uuid4() if topic is None else topic.id
        self._translated[topic_id] = name
        return topic_id

    def name_of(self, topic_id: uuid.UUID | None) -> str:
        """The name as the request had it, even when the topic is gone by now."""
        name = self._translated.get(topic_id)
        if name is not None:
            return name
        topic = self._topics.by_id(topic_id)
        return "" if topic is None else topic.name


Convert = Callable[[Any, TopicNames], Any]


def compile_conversion(
    source: type[Any], target: type[Any], adapted: Sequence[Adapted] = (), version: int = 0
) -> Convert | None:
    """How to make a `target` of a `source`; None where a `source` will do."""
    adaptations = {adaptation.field: adaptation.value for adaptation in adapted if version <= adaptation.until}
    if source is target:
        return None
    return _entity_conversion(source, target, adaptations, errors_by_name=False)


def _entity_conversion(
    source: type[Any],
    target: type[Any],
    adaptations: Mapping[str, Callable[[Any], object]],
    *,
    errors_by_name: bool,
) -> Convert | None:
    source_fields, target_fields = _fields_of(source), _fields_of(target)
    topic_steps = _topic_steps(source_fields, target_fields)
    # Names went in where the answer's topics go from ids to names.
    errors_by_name = errors_by_name or any(name in NAME_FIELDS for name in topic_steps)
    steps: dict[str, Convert] = {}
    for name, field in target_fields.items():
        if name in adaptations:
            steps[name] = _adaptation(adaptations[name], _entity_in(field.type))
            continue
        step = topic_steps.get(name) or _field_step(source_fields.get(name), field, errors_by_name=errors_by_name)
        if step is not None:
            steps[name] = step
    if not steps:
        return None
    items = tuple((name, steps.get(name) or _copy(name)) for name in target_fields)
    return lambda entity, names: target(**{name: step(entity, names) for name, step in items})


def _fields_of(entity: type[Any]) -> dict[str, Any]:
    return {field.name: field for field in dataclasses.fields(entity)}


def _topic_steps(source: Mapping[str, object], target: Mapping[str, object]) -> dict[str, Convert]:
    """Translate between a topic's name and its id, where the source has only one and the target only the other."""
    has, wants = ([name for name in (*NAME_FIELDS, "topic_id") if name in fields] for fields in (source, target))
    if len(has) != 1 or len(wants) != 1 or "topic_id" not in has + wants or has == wants:
        return {}
    if wants == ["topic_id"]:
        return {"topic_id": lambda entity, names: names.id_of(getattr(entity, has[0]))}
    return {wants[0]: lambda entity, names: names.name_of(entity.topic_id)}


def _field_step(source: Any, target: Any, *, errors_by_name: bool) -> Convert | None:
    """How to fill one field; None where the source's value will do."""
    name = target.name
    if source is None:
        value = _default(target)
        return lambda entity, names: value
    if errors_by_name and target.metadata.get("kafka_type") == "error_code":
        return lambda entity, names: _error_by_name(getattr(entity, name))
    source_entity, target_entity = _entity_in(source.type), _entity_in(target.type)
    if source_entity is not None and target_entity is not None:
        convert = _entity_conversion(source_entity, target_entity, {}, errors_by_name=errors_by_name)
        if "tag" in target.metadata and source_entity is not target_entity and not _is_array(target.type):
            return _tagged(source, target, convert)
        if convert is not None:
            return _nested(name, convert, is_array=_is_array(target.type))
    if _is_nullable(source.type) and not _is_nullable(target.type):
        instead = _default(target)
        return lambda entity, names: instead if getattr(entity, name) is None else getattr(entity, name)
    return None


def _copy(name: str) -> Convert:
    return lambda entity, names: getattr(entity, name)


def _nested(name: str, convert: Convert, *, is_array: bool) -> Convert:
    def each(entity: Any, names: TopicNames) -> object:
        items = getattr(entity, name)
        return None if items is None else tuple([convert(item, names) for item in items])

    def one(entity: Any, names: TopicNames) -> object:
        item = getattr(entity, name)
        return None if item is None else convert(item, names)

    return each if is_array else one


def _tagged(source: Any, target: Any, convert: Convert | None) -> Convert:
    """A tagged field is left out when it equals its default, which an entity of another version never does."""
    name, before, after = source.name, source.default, target.default

    def step(entity: Any, names: TopicNames) -> object:
        value = getattr(entity, name)
        if value is before or value == before:
            return after
        return value if convert is None else convert(value, names)

    return step


def _error_by_name(code: ErrorCode) -> ErrorCode:
    return ErrorCode.unknown_topic_or_partition if code is ErrorCode.unknown_topic_id else code


def _adaptation(value: Callable[[Any], object], entity: type[Any] | None) -> Convert:
    if entity is None:
        return lambda source, names: value(source)
    return lambda source, names: _coerced(value(source), entity, names)


def _coerced(value: Any, target: type[Any], names: TopicNames) -> Any:
    """What an adaptation answered, as what the field holds."""
    if value is None or type(value) is target:
        return value
    if isinstance(value, (tuple, list)):
        return tuple(_coerced(item, target, names) for item in value)
    if isinstance(value, dict):
        filled = {field.name: _from_dict(value, field, names) for field in dataclasses.fields(target)}
        return target(**filled)
    convert = _cached_conversion(type(value), target)
    return value if convert is None else convert(value, names)


def _from_dict(values: Mapping[str, Any], field: Any, names: TopicNames) -> Any:
    if field.name not in values:
        return _default(field)
    entity = _entity_in(field.type)
    return values[field.name] if entity is None else _coerced(values[field.name], entity, names)


_conversions: dict[tuple[type[Any], type[Any]], Convert | None] = {}


def _cached_conversion(source: type[Any], target: type[Any]) -> Convert | None:
    if (source, target) not in _conversions:
        _conversions[source, target] = _entity_conversion(source, target, {}, errors_by_name=True)
    return _conversions[source, target]


def _default(field: Any) -> Any:
    """What the schema gives a field that is not there: its default, else null, else zero or empty."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if _is_nullable(field.type):
        return None
    if _is_array(field.type):
        return ()
    entity = _entity_in(field.type)
    if entity is not None:
        return entity(**{inner.name: _default(inner) for inner in dataclasses.fields(entity)})
    return ZEROES[field.metadata["kafka_type"]]


def blank(entity: type[Any], **values: object) -> Any:
    """An entity with these values; its other fields are as where a source lacks them."""
    return entity(**{field.name: _default(field) for field in dataclasses.fields(entity)} | values)


ZEROES: Mapping[str, object] = {
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint16", "uint32"), 0),
    "bool": False,
    "bytes": b"",
    "error_code": ErrorCode.none,
    "float64": 0.0,
    "records": b"",
    "string": "",
    "timedelta_i32": datetime.timedelta(0),
    "timedelta_i64": datetime.timedelta(0),
}


def _is_nullable(annotation: Any) -> bool:
    return get_origin(annotation) in (UnionType, Union) and NoneType in get_args(annotation)


def _is_array(annotation: Any) -> bool:
    return any(get_origin(part) is tuple for part in _parts(annotation))


def _entity_in(annotation: Any) -> type[Any] | None:
    """The entity class that a field holds, alone or in an array; None for primitives."""
    for part in _parts(annotation):
        inner = get_args(part)[0] if get_origin(part) is tuple else part
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            return inner
    return None


def _parts(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; else the annotation itself."""
    return get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
