"""Lines that nobody should write, through the whole pipeline: shipped, marked where changed, never lost."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.support.appliance import Appliance

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def tailed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tailed")


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory, tailed: Path) -> Iterator[Appliance]:
    sources = f"""
    [agent]
    partial_line = "1s"

    [[agent.source]]
    type = "file"
    paths = ["{tailed}/*.log"]
    """
    with Appliance(tmp_path_factory.mktemp("hostile"), sources=sources) as appliance:
        yield appliance


def test_bytes_that_are_not_utf8_arrive_marked(appliance: Appliance, tailed: Path) -> None:
    (tailed / "latin1.log").write_bytes(b"caf\xe9 is closed\nplain\n")
    appliance.await_total(2, "service:latin1")
    assert {row["message"] for row in appliance.rows("service:latin1")} == {"caf\ufffd is closed", "plain"}


def test_empty_lines_are_no_rows_and_lose_nothing_around_them(appliance: Appliance, tailed: Path) -> None:
    (tailed / "empty.log").write_bytes(b"\n\r\nfirst\n\n\n\nsecond\n\n")
    appliance.await_total(2, "service:empty")
    assert sorted(row["message"] for row in appliance.rows("service:empty")) == ["first", "second"]


def test_a_line_of_ten_megabytes_arrives_in_pieces(appliance: Appliance, tailed: Path) -> None:
    line = b"".join(b"%07d " % number for number in range(10 * MIB // 8))
    (tailed / "huge.log").write_bytes(line + b"\nafter\n")
    appliance.await_total(11, "service:huge")
    rows = sorted(appliance.rows("service:huge"), key=lambda row: int(row["offset"]))
    assert "".join(appliance.whole(row)["message"] for row in rows[:-1]) == line.decode()
    assert all(row["attrs"]["truncated"] is True for row in rows[:-2])
    assert all(row["attrs"]["continued"] is True for row in rows[1:-1])
    assert rows[-1]["message"] == "after"


def test_control_characters_fill_a_line_of_one_megabyte(appliance: Appliance, tailed: Path) -> None:
    (tailed / "control.log").write_bytes(b"\x01" * MIB + b"\nafter\n")
    appliance.await_total(2, "service:control")
    rows = map(appliance.whole, appliance.rows("service:control"))
    assert {len(row["message"]) for row in rows} == {MIB, len("after")}


def test_a_last_line_without_a_newline_arrives(appliance: Appliance, tailed: Path) -> None:
    (tailed / "unended.log").write_bytes(b"ended\nnot ended")
    appliance.await_total(2, "service:unended")
    assert {row["message"] for row in appliance.rows("service:unended")} == {"ended", "not ended"}


def test_json_that_is_nearly_a_record_arrives(appliance: Appliance, tailed: Path) -> None:
    lines = [
        b'{"a":{"b":1},"a.b":2,"msg":"two paths, one name"}',
        b'{"level":"info","level":"error","msg":"a key twice"}',
        b'{"msg":"a number beyond", "n": 1e400}',
        b'{"msg":"a lone surrogate \\ud800"}',
        b'{"ts":"1600-01-01T00:00:00Z","msg":"long ago"}',
        b'{"ts":"9999-12-31T23:59:59Z","msg":"far ahead"}',
        b'{"msg":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"msg": "no end',
        b"[]",
        b"null",
    ]
    (tailed / "nearly.log").write_bytes(b"\n".join(lines) + b"\n")
    appliance.await_total(len(lines), "service:nearly")
    assert len(list(appliance.rows("service:nearly"))) == len(lines)


ATTRIBUTES = {
    "due": '"01/02/2026"',
    "when": '"2026-01-02T03:04:05+05:30"',
    "day": '"2026-11-28 10:20:30"',
    "retry": '"1"',
    "code": '"0001"',
    "power": '"1e3"',
    "flag": '"true"',
    "big": "9007199254740993",
    "bigger": "28446744073709551615",
    "exact": "0.1000000000000000055",
    "price": "1.10",
    "zero": "-0",
    "none": "null",
    "nothing": "{}",
    "list": '["2026-01-01",1.50]',
    "deep.name": '{"born":"1990-05-17T08:00:00+02:00"}',
}


def test_attributes_are_as_they_were_sent_by_agent_and_by_kafka(appliance: Appliance, tailed: Path) -> None:
    """Also beside other values under the same names, and found by the text that was sent."""
    attributes = ",".join(f'"{name}":{value}' for name, value in ATTRIBUTES.items())
    sent = f'{{"time":"2026-11-22T10:51:07Z","level":"Sev1","service":"kept","msg":"as sent",{attributes}}}'
    other = '{"service":"kept","msg":"another","due":"2026-01-02 10:00:00","retry":"2026-01-01","code":5,"flag":true}'
    (tailed / "attributes.log").write_text(f"{other}\n{sent}\n{other}\n")
    producer = Producer({"bootstrap.servers": appliance.bootstrap_servers})
    for value in (other, sent, other):
        producer.produce("logs", value.encode(), partition=0)
    assert producer.flush(60) == 0
    appliance.await_total(6, "service:kept")

    rows = list(appliance.rows('"as sent" service:kept'))
    assert [(row["ts"], row["level"]) for row in rows] == [("2026-11-22T10:51:07.000000000Z", "Sev1")] * 2
    with urllib.request.urlopen(appliance.url("/api/search", q='"as sent" service:kept'), timeout=60) as answer:
        assert answer.read().decode().count(f'"attrs":{{{attributes}}}') == 2
    for name in ("due", "when", "day", "retry", "code", "power", "flag", "big", "bigger"):
        value = ATTRIBUTES[name].strip('"')
        assert appliance.total(f'message:"as sent" {name}:"{value}"') == 2, name


def test_the_parts_do_not_say_what_the_lines_say(appliance: Appliance, tailed: Path) -> None:
    """What is said of a line is where it stands and why: own logs are shipped, kept and given to others."""
    word = "s3nt1nel"
    lines = [
        b"\xff\xfe " + word.encode(),
        f'{{"a":{{"b":1}},"a.b":2,"msg":"{word}","{word}":[1,{{"{word}":null}}]}}'.encode(),
        f'{{"msg":"{word}", "n": 1e400, "level":"{word}"}}'.encode(),
        f'{{"msg":"\\ud800 {word}"}}'.encode(),
        f'{{"msg": "{word}'.encode(),
        f'{{"ts":"9999-99-99T{word}","msg":'.encode() + b"[" * 2000 + word.encode(),
        word.encode() + b"\x01" * MIB + word.encode(),
    ]
    (tailed / "sentinel.log").write_bytes(b"\n".join(lines) + b"\n")
    producer = Producer({"bootstrap.servers": appliance.bootstrap_servers})
    for value in (*lines[:-1], b""):
        producer.produce("logs", value, key=word, headers={word: value[:100]}, partition=1)
    assert producer.flush(60) == 0
    appliance.await_total(len(lines) + 1, "service:sentinel")
    appliance.await_total(12, f"message:{word}")
    said = [line for part in (appliance.broker, appliance.web, appliance.agent) for line in part.lines if word in line]
    assert said == []
    with urllib.request.urlopen(appliance.url("/metrics"), timeout=60) as metrics:
        assert word not in metrics.read().decode()
