"""What of the status is arithmetic and text."""

from logpost.status.report import (
    Disk,
    Error,
    GroupLag,
    Host,
    Lag,
    Part,
    Rates,
    Status,
    last_errors,
    moment,
    rate,
    screen,
)


def test_a_rate_is_of_a_counter_that_went_on() -> None:
    assert rate(100, 300, 2.0) == 100.0
    assert rate(300, 100, 2.0) is None  # it began again
    assert rate(1, 2, 0.0) is None


def test_errors_are_the_last_lines_that_say_so() -> None:
    text = (
        "2026-11-30T10:00:00.000Z INFO web: ready\n"
        "2026-11-30T10:00:01.000Z WARNING web: a\n"
        "2026-11-30T10:00:02.000Z ERROR web: b\n"
        "2026-11-30T10:00:03.000Z INFO up: web was ended by SIGKILL; starting it again in 0.5 s\n"
    )
    assert [error.line[25:] for error in last_errors("web", text, 2)] == [
        "ERROR web: b",
        "INFO up: web was ended by SIGKILL; starting it again in 0.5 s",
    ]


def test_a_moment_is_rfc_3339() -> None:
    assert moment(1_796_040_000.9) == "2026-11-30T12:00:00Z"


def test_the_screen_shows_what_is_wrong_and_no_controls() -> None:
    status = Status(
        version="1.0",
        at="2026-11-30T12:00:00Z",
        data="/d",
        parts=[
            Part(part="up", state="running", pid=7, started="2026-11-30T11:00:00Z", memory_bytes=12_000_000),
            Part(part="agent", state="waiting", pid=8, detail="nothing was acknowledged for 99 s"),
        ],
        rates=Rates(read_lines_per_second=1234.5),
        lag=Lag(
            agent_bytes=5000,
            agent_seconds=99.0,
            indexer_records=7,
            groups=[GroupLag(group="g", topic="t", records=3), GroupLag(group="idle", topic="t", records=0)],
        ),
        hosts=[Host(host=f"web-{number}", lines=number + 1, last_seen="11:59") for number in range(12)],
        disk=[Disk(path="/d/broker", used_bytes=2 * 10**9, free_bytes=10**10, total_bytes=10**11)],
        errors=[Error(part="web", line="ERROR web: \x1b[31mred")],
        unread=["the journal → a group"],
        incomplete=["the broker is away"],
    )
    lines = list(screen(status))
    shown = "\n".join(lines)
    assert "supervisor  running  pid 7  since 2026-11-30T11:00:00Z  12 MB" in shown
    assert "5,000 bytes, 99 s without an acknowledgement" in shown
    assert "g in t: 3 records" in shown
    assert "idle" not in shown
    assert "not read    the journal → a group" in shown
    assert "incomplete  the broker is away" in shown
    assert "and 2 more hosts: --json has all" in shown
    assert "2.00 GB" in shown
    assert "\\x1b[31mred" in shown
    assert not any("\x1b" in line for line in lines)
    assert len(lines) < 40


def shown_parts(**states: str) -> str:
    parts = [Part(part=name, state=state) for name, state in states.items()]
    status = Status(version="1", at="", data="/d", parts=parts, rates=Rates(), lag=Lag(), hosts=[], disk=[], errors=[])
    return "\n".join(screen(status))


def test_a_supervisor_is_not_missed_where_parts_run_as_units_of_their_own() -> None:
    assert "supervisor" not in shown_parts(up="not running", broker="not running", agent="running")
    assert "supervisor  not running" in shown_parts(up="not running", broker="not running", agent="not running")
    assert "supervisor  stopped" in shown_parts(up="stopped", agent="running")
