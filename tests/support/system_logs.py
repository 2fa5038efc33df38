"""Lines as 16 systems write them, made here: each with what it says, so that tests know what must be read from it.

The layouts are those of the systems in loghub (https://github.com/logpai/loghub); the texts are our own.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

LINES = 200
"""Of each system."""
HOST = "rack-7"
CALIFORNIA = ZoneInfo("America/Los_Angeles")

MESSAGES = (
    "connection from {ip} port {number} closed by the peer",
    "accepted key for backup from {ip}, session {word}",
    "request GET /cart/{number}?page=2 took {number} ms",
    "block blk_-{number}{number} replicated to {ip}:50010, size {number}",
    "cannot read C:\\data\\{word}\\index.dat, code 0x{number}",
    "task {number}.{number} in stage {number} finished, 100% of {number}",
    'user "{word}" <{word}@example.org> signed in; ttl={number}s',
    "queue /{word}/{number} is empty -- nothing to do",
    "Übertragung beendet: {number} Bytes in {number} s (größer als erwartet)",
    "state {word} -> {word}; retries: {number}/5 [ok]",
    "cache_{word}: hit={number} miss={number} ratio=0.{number}",
)
WORDS = ("orders", "billing", "search", "mail", "images", "login")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`time_ns`: Unix nanoseconds, as exact as the system writes. `level`: ours, empty where the layout has none."""

    text: str
    time_ns: int
    level: str
    program: str


Layout = Callable[[datetime.datetime, str, str, str, int], str]
"""(time in UTC, level as the system writes it, program, message, a number) → a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    layout: Layout
    levels: Mapping[str, str]
    """As the system writes it → ours."""
    digits: int = 0
    """Of the fraction of a second."""
    has_year: bool = True
    names_program: bool = False
    """Whether it is syslog, which names host and program."""


def _fraction(time: datetime.datetime, digits: int) -> str:
    return f"{time.microsecond:06d}"[:digits]


def _blue_gene(time: datetime.datetime, level: str, program: str, message: str, number: int) -> str:
    local = time.astimezone(CALIFORNIA)
    node = f"R{number % 64:02d}-M1-N0-C:J12-U11"
    return (
        f"- {int(time.timestamp())} {local:%Y.%m.%d} {node} {local:%Y-%m-%d-%H.%M.%S}.{_fraction(local, 6)}"
        f" {node} RAS KERNEL {level} {message}"
    )


def _thunderbird(time: datetime.datetime, level: str, program: str, message: str, number: int) -> str:
    local = time.astimezone(CALIFORNIA)
    return (
        f"- {int(time.timestamp())} {local:%Y.%m.%d} {HOST} {local:%b} {local.day} {local:%H:%M:%S}"
        f" {HOST}/{HOST} {program}[{number}]: {message}"
    )


def _syslog(time: datetime.datetime, level: str, program: str, message: str, number: int) -> str:
    return f"{time:%b} {time.day:2d} {time:%H:%M:%S} {HOST} {program}[{number}]: {message}"


NO_LEVEL = {"": ""}
JAVA = {"INFO": "info", "WARN": "warn", "ERROR": "error", "FATAL": "fatal"}

SYSTEMS: Mapping[str, System] = {
    "Android": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%m-%d %H:%M:%S}.{_fraction(t, 3)}  {n}  {n + 1} {level} {program.title()}Service: {message}"
        ),
        levels={"V": "trace", "D": "debug", "I": "info", "W": "warn", "E": "error"},
        digits=3,
        has_year=False,
    ),
    "Apache": System(
        layout=lambda t, level, program, message, n: f"[{t:%a %b %d %H:%M:%S %Y}] [{level}] {message}",
        levels={"notice": "info", "error": "error"},
    ),
    "BGL": System(
        layout=_blue_gene,
        levels={"INFO": "info", "WARNING": "warn", "ERROR": "error", "FATAL": "fatal", "SEVERE": "error"},
        digits=6,
    ),
    "HDFS": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%y%m%d %H%M%S} {n} {level} dfs.{program.title()}$Worker: {message}"
        ),
        levels={"INFO": "info", "WARN": "warn"},
    ),
    "HPC": System(
        layout=lambda t, level, program, message, n: (
            f"{n} node-{n % 256} unix.hw state_change.{program} {int(t.timestamp())} 1 {message}"
        ),
        levels=NO_LEVEL,
    ),
    "Hadoop": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%Y-%m-%d %H:%M:%S},{_fraction(t, 3)} {level} [main] org.example.{program}.App: {message}"
        ),
        levels=JAVA,
        digits=3,
    ),
    "HealthApp": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%Y%m%d-%H:%M:%S}:{_fraction(t, 3)}|{program.title()}_Receiver|{n}|{message}"
        ),
        levels=NO_LEVEL,
        digits=3,
    ),
    "Linux": System(layout=_syslog, levels=NO_LEVEL, has_year=False, names_program=True),
    "Mac": System(layout=_syslog, levels=NO_LEVEL, has_year=False, names_program=True),
    "OpenSSH": System(layout=_syslog, levels=NO_LEVEL, has_year=False, names_program=True),
    "OpenStack": System(
        layout=lambda t, level, program, message, n: (
            f"nova-{program}.log.1.{t:%Y-%m-%d_%H:%M:%S} {t:%Y-%m-%d %H:%M:%S}.{_fraction(t, 3)} {n} {level}"
            f" nova.{program}.server [req-{n:032x} - - - - -] {message}"
        ),
        levels={"INFO": "info", "WARNING": "warn", "ERROR": "error"},
        digits=3,
    ),
    "Proxifier": System(
        layout=lambda t, level, program, message, n: f"[{t:%m.%d %H:%M:%S}] {program}.exe - {message}",
        levels=NO_LEVEL,
        has_year=False,
    ),
    "Spark": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%y/%m/%d %H:%M:%S} {level} {program}.{program.title()}Backend: {message}"
        ),
        levels={"INFO": "info", "WARN": "warn", "ERROR": "error"},
    ),
    "Thunderbird": System(layout=_thunderbird, levels=NO_LEVEL),
    "Windows": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%Y-%m-%d %H:%M:%S}, {level:20}  CBS    {program} {n}: {message}"
        ),
        levels={"Info": "info", "Warning": "warn", "Error": "error"},
    ),
    "Zookeeper": System(
        layout=lambda t, level, program, message, n: (
            f"{t:%Y-%m-%d %H:%M:%S},{_fraction(t, 3)} - {level:5} [Worker:{n}:{program.title()}$Listener@493]"
            f" - {message}"
        ),
        levels={"INFO": "info", "WARN": "warn", "ERROR": "error"},
        digits=3,
    ),
}


def lines_of(name: str, first: datetime.datetime) -> list[Line]:
    """LINES lines of a system from `first` on, in order, over about five hours; the same ones each time."""
    chance = random.Random(name)
    return [_line(SYSTEMS[name], first + datetime.timedelta(seconds=90 * n), chance) for n in range(LINES)]


def _line(system: System, begin: datetime.datetime, chance: random.Random) -> Line:
    time = begin + datetime.timedelta(microseconds=chance.randrange(90_000_000))
    level = chance.choice(list(system.levels))
    program = chance.choice(WORDS)
    number = chance.randrange(10**6, 10**8)
    message = chance.choice(MESSAGES).format(ip=f"10.0.{number % 256}.7", number=number, word=chance.choice(WORDS))
    step = 10 ** (9 - system.digits)
    since = time - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    time_ns = ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000
    return Line(
        text=system.layout(time, level, program, message, number),
        time_ns=time_ns // step * step,
        level=system.levels[level],
        program=program,
    )
