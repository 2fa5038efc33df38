"""Messages become rows: records with their fields, everything else as text, nothing lost."""

import datetime
import json

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logpost.formats import LineParser
from logpost.record import Record, Src, format_ts
from logpost_web.indexer.limits import Limits
from logpost_web.indexer.row import MAX_STREAM_ID, UNREAD, Position, plain_attributes, to_row
from logpost_web.store.row import Row, encode

ARRIVED = "2026-11-22T10:00:00.000000000Z"
ARRIVED_NS = int(datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.UTC).timestamp()) * 10**9
POSITION = Position("logs", 3, "id", 42, ARRIVED_NS)
NOW = 1_800_000_000
SENT = "2026-11-22T10:51:07.123Z"
SENT_NS = "2026-11-22T10:51:07.123000000Z"


def row(value: bytes | None) -> Row:
    return to_row(value, POSITION, NOW)


def attributes(row: Row) -> object:
    return msgspec.json.decode(row.attrs)


def test_a_record_keeps_all_its_fields() -> None:
    record = Record(
        ts="2026-11-22T10:51:07.123456789Z",
        message="hello",
        host="web-1",
        service="nginx",
        level="error",
        trace_id="t",
        span_id="s",
        attrs={"status": 502, "deep": {"path": "/x"}},
        file="/var/log/x.log",
        src=Src(id="9f2c", start=1024, end=1087),
    )
    made = row(msgspec.json.encode(record))
    assert made.ts == record.ts
    assert (made.message, made.host, made.service) == ("hello", "web-1", "nginx")
    assert made.level == "error"
    assert (made.trace_id, made.span_id, made.file) == ("t", "s", "/var/log/x.log")
    assert (made.stream_id, made.stream_from, made.stream_to) == ("9f2c", 1024, 1087)
    assert (made.topic, made.topic_id, made.partition, made.offset) == ("logs", "id", 3, 42)
    assert attributes(made) == record.attrs


def test_a_byte_order_mark_hides_no_object() -> None:
    made = row(b'\xef\xbb\xbf{"time":"2026-11-22T10:51:07.123Z","level":"warn","msg":"m"}')
    assert (made.ts, made.level, made.message) == (SENT_NS, "warn", "m")
    assert row(b"\xef\xbb\xbf text").message == "\ufeff text"


@pytest.mark.parametrize(
    "value",
    [
        b"plain text",
        b"[1,2]",
        b"null",
        b"{name} is no JSON",
        b'{"ts":"2026-11-22T10:51:07Z","message":"cut',
    ],
)
def test_what_is_no_object_is_text_at_the_time_of_its_arrival(value: bytes) -> None:
    made = row(value)
    assert (made.message, made.ts) == (value.decode(), ARRIVED)


@pytest.mark.parametrize(
    ("value", "stored", "attrs"),
    [
        (
            {"@timestamp": SENT, "level": "error", "service": "shop", "message": "m", "status": 500},
            (SENT_NS, "error", "shop", "m"),
            {"status": 500},
        ),
        (
            {"ts": SENT, "level": "error", "service": "shop", "trace_id": None, "message": "m"},
            (SENT_NS, "error", "shop", "m"),
            {"trace_id": None},
        ),
        ({"ts": SENT, "level": 50, "service": "shop", "message": "m"}, (SENT_NS, "error", "shop", "m"), {}),
        (
            {"time": 1795344667123, "severity": "WARN", "service": {"name": "shop", "version": "2"}, "msg": "m"},
            (SENT_NS, "warn", "shop", "m"),
            {"service": {"version": "2"}},
        ),
        ({"ts": "1795344667.123", "level": "40", "message": "m"}, (SENT_NS, "warn", "", "m"), {}),
        (
            {"ts": "2026-11-22t10:51:07,123z", "level": " \x1b[31mERROR\x1b[0m", "message": "m"},
            (SENT_NS, "error", "", "m"),
            {},
        ),
        ({"ts": "2026-11-22T10:51:07,123", "level": "\x1b[1mSev 1", "message": "m"}, (SENT_NS, "Sev 1", "", "m"), {}),
        ({"ts": "Sun, 22 Nov 2026 11:51:07.123 +0100", "message": "m"}, (SENT_NS, "", "", "m"), {}),
        ({"@timestamp": SENT, "log": {"level": "Sev1"}, "msg": "m"}, (SENT_NS, "Sev1", "", "m"), {}),
        ({"message": "no time", "attrs": {"a": 1}}, (ARRIVED, "", "", "no time"), {"a": 1}),
        ({"ts": 1, "message": "no time either"}, (ARRIVED, "", "", "no time either"), {"ts": 1}),
        ({"service": "shop", "a": None}, (ARRIVED, "", "shop", '{"service":"shop","a":null}'), {"a": None}),
    ],
)
def test_json_of_anyone_is_read_as_a_json_line(value: object, stored: tuple[str, ...], attrs: object) -> None:
    made = row(msgspec.json.encode(value))
    assert (made.ts, made.level, made.service, made.message) == stored
    assert attributes(made) == attrs


def test_json_of_anyone_reads_as_the_same_line_of_a_file() -> None:
    line = '{"Time":"2026-11-22 11:51:07,5","lvl":"wrn","msg":"hi","n":1.10,"n":NaN,"trace":{"id":"t"},"file":"a.py"}'
    made, parsed = row(line.encode()), LineParser(datetime.UTC).parse(line, ARRIVED_NS)
    assert parsed.ts_ns is not None
    assert (made.ts, made.level, made.message, made.trace_id, bytes(made.attrs)) == (
        format_ts(parsed.ts_ns),
        parsed.level,
        parsed.message,
        parsed.trace_id,
        msgspec.json.encode(parsed.attrs),
    )


def test_a_record_of_ours_with_a_null_keeps_its_place_in_its_stream() -> None:
    src = b'"src":{"id":"s","from":1,"to":2},"file":"/x","host":null,"span_id":null'
    made = row(b"{%s,%s}" % (TS, src))
    assert (made.stream_id, made.stream_from, made.stream_to, made.file) == ("s", 1, 2, "/x")
    assert attributes(made) == {"host": None, "span_id": None}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"1e400", b"1e400"),
        (b"NaN", b'"NaN"'),
        (b'"\\ud800"', b'"\\\\ud800"'),
        (b'"\xff"', '"\ufffd"'.encode()),
        (b"[" * 2000 + b"]" * 2000, None),
    ],
)
def test_a_value_that_json_cannot_hold_costs_only_itself(value: bytes, kept: bytes | None) -> None:
    made = row(b'{%s,"level":"error","service":"shop","attrs":{"status":500,"bad":%s}}' % (TS, value))
    assert (made.ts[:19], made.message, made.level, made.service) == (SENT[:19], "m", "error", "shop")
    found = msgspec.json.decode(made.attrs, type=dict[str, msgspec.Raw])
    assert bytes(found["status"]) == b"500"
    assert kept is None or bytes(found["bad"]) == kept


def test_a_tombstone_is_an_empty_row() -> None:
    assert row(None).message == ""


def test_bytes_that_are_not_utf8_are_marked() -> None:
    made = row(b"caf\xe9")
    assert made.message == "caf\ufffd"
    assert attributes(made) == {"logpost.encoding": "not utf-8"}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1600-01-01T00:00:00Z", "1900-01-01T00:00:00.000000000Z"),
        ("9999-12-31T23:59:59Z", "2262-04-11T23:47:15.999999999Z"),
        ("yesterday", ARRIVED),
        ("2026-02-30T00:00:00Z", ARRIVED),
    ],
)
def test_a_time_that_the_store_cannot_hold_is_clamped_and_kept_beside(text: str, stored: str) -> None:
    made = row(msgspec.json.encode({"ts": text, "message": "x", "attrs": {"a": 1}}))
    assert made.ts == stored
    assert attributes(made) == {"a": 1, "logpost.ts": text}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-11-22T12:51:07.5+02:00", "2026-11-22T10:51:07.500000000Z"),
        ("2024-02-29T00:00:00.123456789Z", "2024-02-29T00:00:00.123456789Z"),
        ("2026-11-22 10:51:07", "2026-11-22T10:51:07.000000000Z"),
        ("1796012312345", "2026-11-30T04:18:32.345000000Z"),
        ("1712010112345", "2024-04-01T22:21:52.345000000Z"),
        ("20261122", "2026-11-22T00:00:00.000000000Z"),
    ],
)
def test_a_time_in_another_form_is_the_same_time(text: str, stored: str) -> None:
    made = row(msgspec.json.encode({"ts": text, "message": "x"}))
    assert (made.ts, attributes(made)) == (stored, {})


def test_attributes_that_are_no_object_become_a_text() -> None:
    made = row(b'{"ts":"2026-11-22T10:51:07Z","message":"x","attrs":[1,2]}')
    assert attributes(made) == {"logpost.attrs": "[1,2]"}


def test_null_for_attributes_is_none() -> None:
    made = row(b'{"ts":"1601-01-01T00:00:00Z","message":"x","attrs":null}')
    assert attributes(made) == {"logpost.ts": "1601-01-01T00:00:00Z"}
    assert attributes(row(b'{"ts":"2026-11-22T10:51:07Z","message":"x","attrs":null}')) == {}


def test_attributes_can_be_made_a_text() -> None:
    made = row(b'{"ts":"2026-11-22T10:51:07Z","message":"x","attrs":{"a":1,"a":2}}')
    assert attributes(plain_attributes(made)) == {"logpost.attrs": '{"a":1,"a":2}'}


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_make_one_line_of_json(value: bytes) -> None:
    [line] = encode([row(value)])
    assert b"\n" not in line
    assert 42 in msgspec.json.decode(line)


KEYS_OF_OTHERS = """
ts time t date timestamp instant level name levelname s severityNumber message msg body log record service host trace id
dd attrs path status caller err v @t @mt src from to file attributes key value stringValue intValue kvlistValue values
resourceLogs scopeLogs logRecords resource scope $date $numberLong timezone seconds nanos epochSecond nanoOfSecond
jsonPayload level.name service.name
"""
VALUES_OF_OTHERS = r"""
null true 1 -1 0 -0 1.5 1e400 NaN 1764412800 999999999999 253402300799999 1e18 99999999999999999999
"" "x" "99" "40" "1764412800" "2026-11-29T10:00:59.123-05:00" "9999-12-31T23:59:59.9-14:00" "0001-01-01T00:00:00+14:00"
"INFO+2" "29/Feb/2025:10:00:00" "\ud800" "Europe/Berlin" "\u00b2" "253402300799.999999999"
"""


def shaped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(st.sampled_from(KEYS_OF_OTHERS.split()), inner).map(lambda found: f'"{found[0]}":{found[1]}')
    return st.lists(pair, max_size=4).map(lambda found: "{%s}" % ",".join(found))  # noqa: UP031


SHAPES = st.recursive(
    st.sampled_from(VALUES_OF_OTHERS.split()),
    lambda inner: shaped(inner) | st.lists(inner, max_size=2).map(",".join).map("[{}]".format),
)


@settings(max_examples=500)
@given(shaped(SHAPES))
@example('{"s":""}')
@example('{"log":{"level":"error"}}')
@example('{"ts":"2026-11-22T10:51:07Z","message":"m","attrs":{"a":[1],"t":"2026-11-29T10:00:59.123-05:00"}}')
def test_any_object_with_the_names_of_others_is_a_row(document: str) -> None:
    made = row(document.encode())
    assert made.message == document or json.loads(document)
    assert all(map(msgspec.json.decode, encode([made])))


def test_what_cannot_be_read_is_text_and_stops_nothing() -> None:
    def fail(value: bytes, *_: object) -> Row:
        raise KeyError(value)

    made = to_row("{Grüße \xff".encode() + b"\xff", POSITION, NOW, Limits(8, 100), fail)
    assert (made.message, made.message_bytes, made.ts, made.offset) == ("{Grüße", 12, ARRIVED, 42)
    assert (attributes(made), made.words) == ({UNREAD: "KeyError"}, "{grüsse")
    assert to_row(None, POSITION, NOW, read=fail).message == ""


TS = b'"ts":"2026-11-22T10:51:07Z","message":"m"'


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        (b'"attrs":{"a":1}', {"a": 1, "user": "bob", "n": {"x": [1]}}),
        (b'"attrs":{ }', {"user": "bob", "n": {"x": [1]}}),
        (b'"attrs":{"a":1,"ts":"x","user":"eve"}', {"a": 1, "ts": "x", "user": ["bob", "eve"], "n": {"x": [1]}}),
        (b'"trace_id":null,"attrs":{"trace_id":"x"}', {"trace_id": [None, "x"], "user": "bob", "n": {"x": [1]}}),
        (b'"attrs":5', {"attrs": 5, "user": "bob", "n": {"x": [1]}}),
        (b'"host":"h"', {"user": "bob", "n": {"x": [1]}}),
    ],
)
def test_fields_that_our_records_do_not_have_become_attributes(attrs: bytes, expected: object) -> None:
    made = row(b"{%s,%s" % (TS, attrs) + b',"user":"bob","n":{"x":[1]}}')
    assert made.message == "m"
    assert attributes(made) == expected


@pytest.mark.parametrize(
    ("level", "text"),
    [
        *(("WARNING", "warn"), ("Error", "error"), ("critical", "fatal"), ("loud", "loud"), ("", "")),
        *(("InFo", "info"), ("[ERROR]", "error"), (" <wArn> ", "warn"), ("VRB", "trace")),
        *(("dbug", "debug"), ("Fail", "error"), ("error!", "error!"), ("[]", "[]")),
    ],
)
def test_levels_have_one_spelling(level: str, text: str) -> None:
    made = row(b'{%s,"level":"%s"}' % (TS, level.encode()))
    assert made.level == text


@pytest.mark.parametrize(
    "src",
    [
        b'{"id":"","from":0,"to":9}',
        b'{"id":"%s","from":0,"to":9}' % (b"x" * (MAX_STREAM_ID + 1)),
        b'{"id":"s","from":-1,"to":9}',
        b'{"id":"s","from":9,"to":8}',
        b'{"id":"s","from":0,"to":9223372036854775808}',
    ],
)
def test_a_range_that_cannot_be_is_none(src: bytes) -> None:
    made = row(b'{%s,"src":%s}' % (TS, src))
    assert (made.message, made.stream_id, made.stream_from, made.stream_to) == ("m", "", 0, 0)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("plain ERROR", ""),
        ("Überlauf", "überlauf"),
        ("\x1b[31mERROR\x1b[0m: x", "error: x"),
        ("超时", "\x1b超\x1b\x1b时\x1b"),
    ],
)
def test_a_message_outside_plain_ascii_has_its_words_beside_it(message: str, words: str) -> None:
    assert row(msgspec.json.encode(Record(ts=ARRIVED, message=message))).words == words
    assert row(message.encode()).words == words
