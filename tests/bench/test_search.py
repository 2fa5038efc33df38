"""The lines that stores are compared by, and what is made of their answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import box, victorialogs
from bench.lines import RARE, Line, value
from bench.questions import Span, questions
from bench.search import KINDS, Measured, Work, as_table, differences, write
from bench.sides import Loaded, paced

SPAN = Span(start="2026-12-01T00:00:00Z", end="2026-12-01T00:00:50Z")


@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
def test_lines_are_the_same_for_the_same_seed(make: Callable[..., Iterator[Line]]) -> None:
    first, again, other = (list(map(value, make(500, start_ns=1, step_ns=10, seed=seed))) for seed in (1, 1, 2))
    assert first == again != other
    assert {"ts", "host", "service", "level", "message"} <= set(json.loads(first[7]))


def test_a_fleet_writes_what_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    write(file, KINDS["fleet"](150_000, start_ns=1, step_ns=10))
    text = file.read_text()
    assert text.count(RARE) == 1
    assert '"trace_id":"' in text and "refused" in text and '"status":503' in text
    asked = {question.name: question.asked for question in questions("fleet", file, SPAN)}
    assert len(asked) == 12
    trace = str(asked["trace id"][box.Box.name].parameters["q"]).removeprefix("trace_id:")
    assert text.count(trace) == 1


def test_an_answer_is_read_alike_of_either_store() -> None:
    ours = {"buckets": [{"by": {"info": 2, "": 1}}, {"by": {"info": 3}}]}
    theirs = {"hits": [{"fields": {"level": "info"}, "total": 5}, {"fields": {"level": ""}, "total": 1}]}
    assert box.found(json.dumps(ours).encode()) == {"info": 5, "": 1}
    assert victorialogs.found(json.dumps(theirs, separators=(",", ":")).encode()) == {"info": 5, "": 1}
    assert box.found(b'{"rows":[{},{}]}') == victorialogs.found(b"{}\n{}\n") == {"": 2}


def test_bars_of_both_are_as_wide() -> None:
    asked = victorialogs.counts("*", SPAN.start, SPAN.end, buckets=50)
    assert asked.parameters["step"] == "1s"
    assert asked.parameters["end"] == "2026-12-01T00:00:50.000000000Z"


def test_a_table_has_ratios_and_a_difference_is_said(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(value(next(KINDS["fleet"](1, start_ns=1, step_ns=10))) + b"\n")
    [question, *_] = questions("fleet", tmp_path / "lines", SPAN)
    work = Work(
        lines=10**6, file=tmp_path, more=tmp_path, grown=4 * 10**6, fed=tmp_path, incoming=0, rounds=1, asked=[question]
    )
    measured = {name: _measured(question.name, factor) for name, factor in (("logpost", 2), ("VictoriaLogs", 1))}
    table = as_table(measured, work)
    assert "| CPU s per M lines | 6 | 3 | 2.00 |" in table
    assert f"| {question.name}: first, ms | 20 | 10 | 2.00 |" in table
    assert f"| {question.name}: 4 times the lines, times as long | 3 | 3 | 1.00 |" in table
    [said] = differences(measured)
    assert question.name in said


def _measured(question: str, factor: int) -> Measured:
    parts = {"web": 2.0 * factor, "broker": 1.0 * factor}
    return Measured(
        loaded=Loaded(seconds=10.0, cpu_seconds=parts),
        disk={"store": factor * 10**8, "rows": 10**8},
        peak_after_load=100.0,
        answers={question: {"": factor}},
        first={question: 10.0 * factor},
        repeated={question: 1.0},
        together={question: 1.0},
        small={question: 2.0},
        grown={question: 6.0},
    )


def test_lines_come_in_at_a_rate_and_again(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"a\n" * 100)
    coming = paced(file, 1e6, 60)
    assert [len(next(coming)) for _ in range(3)] == [100, 100, 100]
    assert list(paced(file, 1e6, 0)) == []
