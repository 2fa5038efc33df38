"""Lines that wait and are not acknowledged are well to nobody: not to status, doctor or health."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logpost.cli import main
from logpost.doctor.checks import agent
from logpost.scrape import samples, total
from logpost.status import gathering, health
from tests.support.appliance import await_condition
from tests.support.processes import Part, broker_part, free_port

SECONDS = 60.0


@pytest.mark.parametrize("was_there", [True, False], ids=["left", "never there"])
def test_an_agent_whose_broker(
    was_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (agent, gathering, health):
        monkeypatch.setattr(place, "WAITING_SECONDS", 0.5)
    log, config, port = tmp_path / "a.log", tmp_path / "logpost.toml", free_port()
    broker = broker_part(tmp_path / "broker")
    log.write_text("line\n")
    config.write_text(
        f'[kafka]\nbootstrap_servers = "{broker.servers}"\n[agent]\nmetrics_port = {port}\n'
        f'[[agent.source]]\ntype = "file"\npaths = ["{log}"]\n'
    )
    options = ("--config", str(config), "--data", str(tmp_path / "data"))

    def counted(name: str) -> float:
        return total(samples(f"http://localhost:{port}/metrics", SECONDS), f"logpost_agent_{name}")

    if was_there:
        broker.start()
    with Part("agent", *options).start():
        if was_there:
            await_condition(lambda: counted("acknowledged_total") == 1, "an acknowledgement", SECONDS)
            assert (main(["health", "agent", *options]), capsys.readouterr().err) == (0, "")
            broker.stop()
            with log.open("a") as file:
                file.write("line\n")
        await_condition(lambda: counted("waiting_seconds") > 0.5, "it waits", SECONDS)
        assert main(["health", "agent", *options]) == 1
        assert "agent has had nothing acknowledged for" in capsys.readouterr().err
        main(["status", "--json", *options])
        [part] = [one for one in json.loads(capsys.readouterr().out)["parts"] if one["part"] == "agent"]
        assert part["state"] == "waiting" and "nothing was acknowledged" in part["detail"]
        main(["doctor", "--json", *options])
        found = {one["check"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
        assert found["agent"]["state"] == found["broker"]["state"] == "fail"
        assert "nothing was acknowledged" in found["agent"]["detail"] and "(away)" in found["broker"]["detail"]
