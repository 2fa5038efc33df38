"""JSON lines: which keys are time, level and message; everything else is an attribute."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logpost.formats.json_text import MAX_DEPTH
from tests.collector.formats.lines import read, time_of


@pytest.mark.parametrize(
    "document",
    [
        {"ts": "2026-11-22T10:51:07.123Z", "level": "warn", "message": "hi"},
        {"time": "2026-11-22T11:51:07.123+01:00", "level": "WARNING", "msg": "hi"},
        {"timestamp": "2026-11-22 10:51:07,123", "severity": "Warn", "log": "hi\n"},
        {"@timestamp": "2026-11-22T10:51:07.123Z", "log.level": "warn", "message": "hi"},
        {"@timestamp": "2026-11-22T10:51:07.123Z", "log": {"level": "warn"}, "message": "hi"},
        {"@t": "2026-11-22T10:51:07.1230000Z", "@l": "Warning", "@m": "hi"},
        {"time": 1795344667123, "level": 40, "msg": "hi"},
        {"ts": 1795344667.123, "level": "warn", "msg": "hi"},
        {"ts": 1795344667123000, "lvl": "wrn", "event": "hi"},
        {"timestamp": "1795344667.123", "level": 4, "short_message": "hi"},
        {"timeUnixNano": "1795344667123000000", "severityNumber": 13, "body": "hi"},
        {"t": {"$date": "2026-11-22T10:51:07.123+00:00"}, "s": "W", "msg": "hi"},
        {"Timestamp": "2026-11-22T10:51:07.123Z", "Level": "Warning", "Message": "hi"},
        {"asctime": "2026-11-22 10:51:07,123", "levelname": "WARNING", "message": "hi"},
        {"time": 1795344667123, "level": "40", "msg": "hi"},
        {"instant": {"epochSecond": 1795344667, "nanoOfSecond": 123000000}, "level": "WARN", "message": "hi"},
        {"timestamp": {"seconds": 1795344667, "nanos": 123000000}, "severity": "WARNING", "textPayload": "hi"},
        {"timeMillis": 1795344667123, "level": "WARN", "message": "hi"},
        {"time": {"$date": {"$numberLong": "1795344667123"}}, "s": "W", "msg": "hi"},
        {
            "datetime": {"date": "2026-11-22 11:51:07.123", "timezone": "Europe/Berlin"},
            "level_name": "WARNING",
            "msg": "hi",
        },
        {"Timestamp": "2026-11-22T10:51:07.1230000+00:00", "Level": "Warning", "RenderedMessage": "hi"},
        {"Timestamp": "2026-11-22T10:51:07.123Z", "LogLevel": "Warning", "Message": "hi"},
        {"@timestamp": "2026-11-22T10:51:07.123Z", "@level": "warn", "@message": "hi"},
        {"logTime": "2026-11-22T10:51:07.123Z", "logLevel": "WARN", "logMessage": "hi"},
        {"time": "2026-11-22T10:51:07.123Z", "level": {"name": "WARNING"}, "msg": "hi"},
        {"timestamp": "2026-11-22 10:51:07.123 UTC", "error_severity": "WARNING", "message": "hi"},
        {"__REALTIME_TIMESTAMP": "1795344667123000", "PRIORITY": "4", "MESSAGE": "hi"},
        {"record": {"message": "hi", "level": {"name": "WARNING"}, "time": {"timestamp": 1795344667.123}}},
        {"timeUnixNano": "1795344667123000000", "severityText": "WARN", "body": {"stringValue": "hi"}},
        {"time": "22/Nov/2026:11:51:07.123 +0100", "level": "warn", "msg": "hi"},
        {"time": "Sun, 22 Nov 2026 10:51:07.123 GMT", "level": "warn", "msg": "hi"},
        {"timereported": "Nov 22 10:51:07.123", "severity": "warning", "message": "hi"},
        {"date": "Sun Nov 22 10:51:07.123 2026", "level": "warn", "msg": "hi"},
        {"time": "2026-11-22T10:51:07.123Z", "level": "WARN+1", "msg": "hi"},
        {"DATE": "Nov 22 10:51:07.123", "PRIORITY": "warning", "MESSAGE": "hi"},
        {"EventTime": "2026-11-22 10:51:07.123", "Severity": "WARNING", "Message": "hi"},
    ],
)
def test_every_common_schema_is_read(document: dict[str, object]) -> None:
    line = json.dumps(document)
    parsed = read(line)
    assert (time_of(line), parsed.level, parsed.message) == ("2026-11-22T10:51:07.123Z", "warn", "hi")
    assert parsed.attrs == {}


@pytest.mark.parametrize(
    "document",
    [
        {"trace_id": "aa", "span_id": "bb", "service": "shop", "host": "web-1"},
        {"traceId": "aa", "spanId": "bb", "service_name": "shop", "hostname": "web-1"},
        {"trace.id": "aa", "span.id": "bb", "service.name": "shop", "host.name": "web-1"},
        {"trace": {"id": "aa"}, "span": {"id": "bb"}, "service": {"name": "shop"}, "host": {"name": "web-1"}},
        {"otelTraceID": "aa", "otelSpanID": "bb", "otelServiceName": "shop", "hostName": "web-1"},
        {"dd": {"trace_id": "aa", "span_id": "bb"}, "SYSLOG_IDENTIFIER": "shop", "_HOSTNAME": "web-1"},
        {"dd.trace_id": "aa", "dd.span_id": "bb", "dd.service": "shop", "host": {"hostname": "web-1"}},
    ],
)
def test_trace_service_and_host_are_fields(document: dict[str, object]) -> None:
    parsed = read(json.dumps({"msg": "hi", "status": 502} | document))
    assert (parsed.trace_id, parsed.span_id, parsed.service, parsed.host) == ("aa", "bb", "shop", "web-1")
    assert parsed.attrs == {"status": 502}


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-22T11:51:07.123+01:00[Europe/Paris]",
        "2026-11-22T10:51:07.123Z[UTC]",
        "2026-11-22T11:51:07.123[Europe/Paris]",
        "2026-11-22T10:51:07.123Z[Etc/UTC][u-ca=gregory]",
        " 2026-11-22 10:51:07.123 ",
        "20261122T105107.123Z",
        "20261122T162107,123+0530",
    ],
)
def test_a_time_as_others_write_it(time: str) -> None:
    line = json.dumps({"timestamp": time, "level": 50.0, "fields": {"message": "hi", "n": 1}})
    parsed = read(line)
    assert (time_of(line), parsed.level, parsed.message) == ("2026-11-22T10:51:07.123Z", "error", "hi")
    assert parsed.attrs == {"fields": {"n": 1}}


def test_a_document_without_a_message_keeps_its_text() -> None:
    for line in ('{"level":"warn","a":1}', '{"level":"warn","msg":""}', '{"level":"warn","msg":{"a":1}}'):
        parsed = read(line)
        assert (parsed.message, parsed.level) == (line, "warn")


def test_a_value_that_cannot_be_read_stays_an_attribute() -> None:
    parsed = read('{"msg":"hi","level":35,"time":0.2,"ts":"2026-02-30T00:00:00Z","trace_id":7}')
    assert (parsed.ts_ns, parsed.level, parsed.trace_id) == (None, "", "")
    assert parsed.attrs == {"level": 35, "time": 0.2, "ts": "2026-02-30T00:00:00Z", "trace_id": 7}


@pytest.mark.parametrize(
    ("fields", "level", "attrs"),
    [
        ('"level":"Sev1"', "Sev1", {}),
        ('"levelname":"SUCCESS"', "SUCCESS", {}),
        ('"level":"\\u001b[31mSev2\\u001b[0m"', "Sev2", {}),
        ('"level":"\\u001b[31merror\\u001b[39m"', "error", {}),
        ('"level":"Sev1","severity":"WARNING"', "warn", {"level": "Sev1"}),
        ('"level":"10.5"', "", {"level": "10.5"}),
        ('"level":"two words"', "", {"level": "two words"}),
        ('"priority":"high"', "", {"priority": "high"}),
        ('"severity":"DEFAULT"', "", {"severity": "DEFAULT"}),
        ('"level":40,"levelname":"ERROR"', "error", {"level": 40}),
        ('"level":{"name":"SUCCESS","no":25}', "SUCCESS", {"level": {"no": 25}}),
        ('"level":"info","level":"error"', "error", {"level": ["info", "error"]}),
        ('"@t":"2026-11-22T10:51:07Z","@mt":"hi {x}"', "info", {"@mt": "hi {x}"}),
        ('"ts":1795344667123.456,"caller":"a/b.go:1","v":2', "info", {"caller": "a/b.go:1", "v": 2}),
        ('"ts":1795344667123.456,"caller":"a/b.go:1","err":"x"', "error", {"caller": "a/b.go:1", "err": "x"}),
    ],
)
def test_a_level_of_the_programs_own_is_a_level(fields: str, level: str, attrs: object) -> None:
    parsed = read('{"msg":"hi",%s}' % fields)  # noqa: UP031
    assert (parsed.level, parsed.attrs) == (level, attrs)


def test_of_two_keys_for_one_field_the_other_stays_an_attribute() -> None:
    parsed = read('{"event":"login","message":"hi","level":30,"severity":"low","time":5,"ts":"2026-11-22T10:51:07Z"}')
    assert (parsed.message, parsed.level, parsed.ts_ns) == ("hi", "info", 1795344667 * 10**9)
    assert parsed.attrs == {"event": "login", "severity": "low", "time": 5}


@pytest.mark.parametrize(
    ("fields", "level"),
    [
        ('"request":"GET /a HTTP/1.1","status":"502"', "error"),
        ('"path":"/a","status":404', "warn"),
        ('"RequestPath":"/a","DownstreamStatus":200', "info"),
        ('"path":"/a","status":"ok"', ""),
        ('"exit":1,"status":500', ""),
        ('"msg":"hi","path":"/a","status":500', ""),
        ('"path":"/a","status":500,"level":"debug"', "debug"),
    ],
)
def test_the_status_of_an_access_record_says_its_level(fields: str, level: str) -> None:
    assert read("{%s}" % fields).level == level  # noqa: UP031


OTLP = (
    '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeLogs":'
    '[{"scope":{"name":"lib"},"logRecords":[%s]}]}]}'
)
LOG_RECORD = (
    '{"timeUnixNano":"1795344667123000001","severityNumber":17,"body":{"stringValue":"hi"},"traceId":"aa","attributes":['
    '{"key":"n","value":{"intValue":"5"}},{"key":"a","value":{"arrayValue":{"values":[{"boolValue":true},{"x":1}]}}},'
    '{"key":"o","value":{"kvlistValue":{"values":[{"key":"d","value":{"doubleValue":0.5}}]}}},7]}'
)
LOG_RECORD_ATTRIBUTES = {"n": 5, "a": [True, {"x": 1}], "o": {"d": 0.5}, "attributes": 7}


def test_a_log_record_of_opentelemetry_is_read() -> None:
    alone, exported = read(LOG_RECORD), read(OTLP % LOG_RECORD)
    for parsed in (alone, exported):
        assert (parsed.ts_ns, parsed.level, parsed.message) == (1795344667123000001, "error", "hi")
        assert parsed.trace_id == "aa"
    assert (alone.service, alone.attrs) == ("", LOG_RECORD_ATTRIBUTES)
    assert (exported.service, exported.attrs) == ("shop", {"scope": {"name": "lib"}, **LOG_RECORD_ATTRIBUTES})


@pytest.mark.parametrize("records", ["", f"{LOG_RECORD},{LOG_RECORD}", "7"])
def test_what_is_not_one_log_record_stays_as_it_is(records: str) -> None:
    line = OTLP % records
    assert (read(line).message, list(read(line).attrs)) == (line, ["resourceLogs"])


def test_an_object_may_stand_behind_blanks() -> None:
    assert (read(' \t{"level":"error","msg":"hi"}').level, read("  at a.b(C.java:1)").level) == ("error", "")


def test_a_nested_object_gives_up_only_its_field() -> None:
    parsed = read('{"message":"hi","log":{"level":"error","logger":"shop"}}')
    assert (parsed.level, parsed.attrs) == ("error", {"log": {"logger": "shop"}})


def test_our_own_record_reads_as_itself() -> None:
    parsed = read('{"ts":"2026-11-22T10:51:07Z","host":"web-1","service":"s","message":"hi","attrs":{"status":502}}')
    assert (parsed.host, parsed.service, parsed.message, parsed.attrs) == ("web-1", "s", "hi", {"status": 502})
    clash = read('{"host":"web-1","message":"hi","n":1,"attrs":{"host":"other","level":"gold","n":2}}')
    assert (clash.host, clash.level, clash.attrs) == ("web-1", "", {"n": [1, 2], "host": "other", "level": "gold"})


@pytest.mark.parametrize(
    "line",
    [
        '{"a":1',
        '{"a":1} trailing',
        "{\"a\":'b'}",
        '{"a":' * 100_000,
        "[" * 100_000,
    ],
    ids=lambda line: line[:12].encode("utf-8", "replace").decode(),
)
def test_what_is_not_json_stays_text(line: str) -> None:
    parsed = read(line)
    assert (parsed.message, parsed.ts_ns, parsed.attrs) == (line, None, {})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("NaN", '"NaN"'),
        ("-Infinity", '"-Infinity"'),
        ("1e400", '"1e400"'),
        ('"\\ud800 \\\\ud800 \\ud83d\\ude00"', '"\\\\ud800 \\\\ud800 😀"'),
        ('"\ud800"', '"\\\\ud800"'),
        ('"a\tb"', '"a\\tb"'),
        ("[" * 2000 + "]" * 2000, '"' + "[" * 2000 + ']"'),
    ],
    ids=lambda value: value[:12].encode("utf-8", "replace").decode(),
)
def test_a_value_that_json_cannot_hold_costs_only_itself(written: str, kept: str) -> None:
    parsed = read('{"ts":"2026-11-22T10:51:07Z","level":"error","msg":"hi","n":1,"a":[%s]}' % written)  # noqa: UP031
    assert (parsed.ts_ns, parsed.level, parsed.message) == (1795344667 * 10**9, "error", "hi")
    found = msgspec.json.encode(parsed.attrs).decode()
    if written.startswith("["):  # what lies within the limit stays an array
        inside = MAX_DEPTH - 2
        kept = "[" * inside + json.dumps("[" * (2000 - inside) + "]" * (2000 - inside)) + "]" * inside
    assert found == '{"n":1,"a":[%s]}' % kept  # noqa: UP031


NUMBERS = ("1.10", "-0", "-0.0", "1e3", "1E-7", "9007199254740993", "28446744073709551615", "0.1000000000000000055")


@pytest.mark.parametrize("number", [*NUMBERS, "1.5", "-12", "9" * 5000])
def test_a_number_keeps_its_digits(number: str) -> None:
    parsed = read('{"msg":"hi","a":%s,"b":[%s]}' % (number, number))  # noqa: UP031
    assert msgspec.json.encode(parsed.attrs).decode() == '{"a":%s,"b":[%s]}' % (number, number)  # noqa: UP031


def test_a_time_is_read_to_its_last_digit() -> None:
    assert read('{"msg":"hi","ts":1795344667.123456780}').ts_ns == 1795344667123456780
    assert read('{"msg":"hi","ts":1795344667123.10}').ts_ns == 1795344667123100000


@pytest.mark.parametrize(
    ("line", "attrs"),
    [
        ('{"msg":"hi","a":1,"a":"x"}', {"a": [1, "x"]}),
        ('{"msg":"hi","a":[1],"a":[2],"a":3}', {"a": [[1], [2], 3]}),
        ('{"msg":"hi","o":{"a":1,"a":2}}', {"o": {"a": [1, 2]}}),
        ('{"msg":"hi","a" : "\\"b\\":1"}', {"a": '"b":1'}),
        ('{"msg":"hi","level":"warn","level":"error"}', {"level": ["warn", "error"]}),
        ('{"msg":"hi","service.name":"a","service":{"name":"b"}}', {"service": {"name": "b"}}),
        ('{"msg":"hi","trace":{"id":"","x":1}}', {"trace": {"id": "", "x": 1}}),
    ],
)
def test_the_values_of_a_key_that_comes_twice_are_both_kept(line: str, attrs: object) -> None:
    assert read(line).attrs == attrs


def test_an_object_as_deep_as_the_limit_is_read() -> None:
    line = '{"msg":"deep","a":' + "[" * (MAX_DEPTH - 2) + "1" + "]" * (MAX_DEPTH - 2) + "}"
    assert read(line).message == "deep"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["ts", "time", "t", "level", "s", "severityNumber", "msg", "log", "attrs", "trace", "host", "x"])


@given(st.dictionaries(KEYS | st.text(max_size=5), JSON, max_size=6))
def test_any_object_is_read_and_can_be_written_again(document: dict[str, object]) -> None:
    parsed = read(json.dumps(document))
    msgspec.json.encode(parsed.attrs)
    assert parsed.message
    assert len(parsed.level) <= 32
