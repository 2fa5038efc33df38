"""What is printed of ways from file to search."""

import pytest

from bench.pipeline import Round, report, since
from bench.usage import Usage


def usage(cpu: float, peak: float) -> Usage:
    return Usage(
        cpu_seconds=cpu, resident_mb=1, proportional_mb=1, peak_mb=peak, read_bytes=0, disk_read_bytes=0, wakeups=0
    )


def a_round(seconds: float, parts: dict[str, Usage]) -> Round:
    return Round(
        lines=100_000,
        bytes=10**7,
        searchable_seconds=seconds,
        usage=parts,
        disk={"store": 2 * 10**6},
        latencies=[0.5, 0.7],
    )


def test_parts_are_shown_with_their_sum_and_ways_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    ours = {"agent": usage(0.5, 50), "web": since(usage(1.0, 90), usage(2.5, 100))}
    slow, fast = a_round(4, {"vlagent": usage(0.3, 30)}), a_round(2, {"vlagent": usage(0.1, 10)})
    report({"logpost": [a_round(1, ours)], "vlagent": [slow, fast]})
    said = capsys.readouterr().out
    assert "| web | 15.0 | 100 |" in said
    assert "| logpost: all | 20.0 | 150 |" in said
    assert "| vlagent: all | 2.0 | 20 |" in said
    assert "logpost: file to searchable 100,000 lines/s, 10.0 MB/s" in said
    assert "100 in files, 20.0 in the store" in said
    assert "worst 0.70 s" in said
