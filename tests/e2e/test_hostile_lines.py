"""Lines that nobody should write, through the whole pipeline: shipped, marked where changed, never lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.appliance import Appliance

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def tailed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tailed")


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory, tailed: Path) -> Iterator[Appliance]:
    sources = f"""
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
    assert "".join(row["message"] for row in rows[:-1]) == line.decode()
    assert all(row["attrs"]["truncated"] is True for row in rows[:-2])
    assert all(row["attrs"]["continued"] is True for row in rows[1:-1])
    assert rows[-1]["message"] == "after"


def test_control_characters_fill_a_line_of_one_megabyte(appliance: Appliance, tailed: Path) -> None:
    (tailed / "control.log").write_bytes(b"\x01" * MIB + b"\nafter\n")
    appliance.await_total(2, "service:control")
    assert {len(row["message"]) for row in appliance.rows("service:control")} == {MIB, len("after")}


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
