"""Reading the settings again."""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from logpost.config import Config, load
from logpost.errors import StartError
from logpost.reload.reloader import Reloader
from logpost.service import LOGGERS


class Part:
    """With a file of settings; it can take other sources and another limit."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "logpost.toml"
        self.file.write_text("")
        self.applied: list[tuple[Config, Config]] = []
        self.fails: Exception | None = None
        self.reloader = Reloader(
            partial(load, self.file, {}),
            load(self.file, {}).config,
            tables=("agent",),
            live=frozenset({"agent.source", "agent.max_in_flight"}),
            apply=self.apply,
            log=logging.getLogger("part"),
        )

    def apply(self, before: Config, after: Config) -> None:
        if self.fails is not None:
            raise self.fails
        self.applied.append((before, after))


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    before = {name: logging.getLogger(name).level for name in ("", *LOGGERS)}
    yield Part(tmp_path)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_what_can_change_holds_and_the_rest_is_named_each_time(part: Part, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    part.file.write_text('[agent]\nmax_in_flight = 7\nhostname = "h"\n')
    answer = part.reloader.reload()
    assert (answer.reloaded.applied, answer.reloaded.needs_restart) == (("agent.max_in_flight",), ("agent.hostname",))
    [(_, after)] = part.applied
    assert (after.agent.max_in_flight, after.agent.hostname) == (7, "")
    again = part.reloader.reload()
    assert (again.reloaded.applied, again.reloaded.needs_restart) == ((), ("agent.hostname",))
    assert len(part.applied) == 1
    assert caplog.messages == [
        "reloaded: agent.max_in_flight; after a restart: agent.hostname",
        "reloaded; after a restart: agent.hostname",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[agent]\nmax_in_fligt = 7\n", "unknown key agent.max_in_fligt"),
        ("[agent\n", "is not TOML"),
        ('[[agent.source]]\ntype = "file"\npaths = ["relative/*.log"]\n', "relative"),
        ('[[agent.source]]\ntype = "file"\npaths = ["/x"]\ntimezone = "Mars/Base"\n', "no time zone"),
    ],
)
def test_a_bad_file_is_refused_with_one_line_and_the_old_settings_stay(
    part: Part, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    part.file.write_text(text)
    answer = part.reloader.reload()
    assert said in answer.refused
    assert part.applied == []
    [message] = caplog.messages
    assert message.startswith("the settings stay as they were: ") and "\n" not in message


def test_a_file_that_is_gone_is_refused(part: Part) -> None:
    part.file.unlink()
    assert "cannot read the configuration" in part.reloader.reload().refused


def test_the_log_level_is_everybodys(part: Part) -> None:
    part.file.write_text('log_level = "error"\n')
    assert part.reloader.reload().reloaded.applied == ("log_level",)
    assert logging.getLogger().level == logging.ERROR
    assert part.applied == []
    part.file.write_text('log_level = "debug"\n')
    part.reloader.reload()
    levels = [logging.getLogger(name).getEffectiveLevel() for name in ("agent", "indexer", "watchdog")]
    assert levels == [logging.DEBUG, logging.DEBUG, logging.INFO]


def test_what_fails_is_said_and_tried_again_the_next_time(part: Part) -> None:
    part.file.write_text('log_level = "error"\n[agent]\nmax_in_flight = 7\n')
    for fails in (StartError("it cannot"), RuntimeError("a mistake")):
        part.fails = fails
        assert str(fails) in part.reloader.reload().failed
        assert logging.getLogger().level != logging.ERROR, "nothing of it holds"
    part.fails = None
    assert part.reloader.reload().reloaded.applied == ("log_level", "agent.max_in_flight")
    assert part.reloader.reload().reloaded.applied == ()
