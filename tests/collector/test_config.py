"""Configuration: the environment wins over the file, and every mistake is named."""

from pathlib import Path

import pytest

from logpost.cli import main
from logpost.config import BrokerConfig, Config, FileSource, JournalSource, load, settings
from logpost.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "logpost.toml"
    file.write_text(text)
    return file


def test_without_a_file_every_setting_has_its_default() -> None:
    assert load(None, {}).config == Config()


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = write(tmp_path, 'data = "/file"\n[broker]\nport = 1\nsegment_bytes = 7\n')
    environment = {"LOGPOST_BROKER_PORT": "2", "LOGPOST_DATA": "/environment", "UNRELATED": "x"}
    loaded = load(file, environment, {"data": "/line"})
    assert loaded.config.broker == BrokerConfig(port=2, segment_bytes=7)
    assert loaded.config.data == "/line"
    assert loaded.origins == {
        "data": "command line",
        "broker.port": "environment variable LOGPOST_BROKER_PORT",
        "broker.segment_bytes": str(file),
    }


def test_sources_are_told_apart_by_their_type(tmp_path: Path) -> None:
    text = """
    [[agent.source]]
    type = "file"
    paths = ["/var/log/nginx/*.log"]
    service = "nginx"
    [[agent.source]]
    type = "journal"
    """
    assert load(write(tmp_path, text), {}).config.agent.source == (
        FileSource(paths=("/var/log/nginx/*.log",), service="nginx"),
        JournalSource(),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[broker]\nprot = 1\n", "unknown key broker.prot"),
        ("[brokr]\nport = 1\n", "unknown key brokr"),
        ('[broker]\nport = "x"\n', "broker.port: expected `int`, got `str`"),
        ('[broker]\nflush = "never"\n', "broker.flush: invalid enum value 'never'"),
        ('[[agent.source]]\ntype = "file"\npaths = ["/x"]\nservise = "y"\n', "unknown key agent.source[0].servise"),
        ('[[agent.source]]\ntype = "file"\n', "agent.source[0]: object missing required field `paths`"),
        ("[agent]\nmetrics_port = 70000\n", "agent.metrics_port: expected `int` <= 65535"),
        ("[web]\nport = -1\n", "web.port: expected `int` >= 0"),
        ("[agent]\nmax_in_flight = 0\n", "agent.max_in_flight: expected `int` >= 1"),
        ("[agent]\npoll_seconds = nan\n", "agent.poll_seconds: expected `float` > 0.0"),
        ("[agent]\nmax_line_bytes = 100\n", "agent.max_line_bytes: expected `int` >= 1024"),
        ('[kafka]\nbootstrap_servers = ""\n', "kafka.bootstrap_servers: expected `str` of length >= 1"),
        ('[kafka]\ntopic = "a b"\n', "kafka.topic: expected `str` matching"),
        ('[[agent.source]]\ntype = "file"\npaths = []\n', "agent.source[0].paths: expected `array` of length >= 1"),
        ('[[agent.source]]\ntype = "file"\npaths = [""]\n', "agent.source[0].paths[0]: expected `str` matching"),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["a\\u0000"]\n',
            "agent.source[0].paths[0]: expected `str` matching",
        ),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["/x"]\nstart = "middle"\n',
            "agent.source[0].start: invalid enum value",
        ),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["/x"]\nmax_lines_per_second = -1\n',
            "agent.source[0].max_lines_per_second: expected `int` >= 0",
        ),
        ("[broker\n", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_names_the_key_and_the_file(tmp_path: Path, text: str, named: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert named in str(raised.value)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "text", "named"),
    [
        ("LOGPOST_BROKER_PORT", "x", "LOGPOST_BROKER_PORT: broker.port: expected `int`"),
        ("LOGPOST_BROKER_PROT", "1", "LOGPOST_BROKER_PROT names no setting"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(variable: str, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load(None, {variable: text})


def test_a_file_that_is_not_there_is_an_error_when_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "missing.toml", {})


def test_every_setting_is_listed_under_its_dotted_key() -> None:
    listed = settings(Config())
    assert listed["broker.port"] == 9092
    assert listed["web.port"] == 8080
    assert listed["store.topics"] == "^logs"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("clickhouse://user:s3cret@db:8443/logs", "clickhouse://user:…@db:8443/logs"),
        ("clickhouse://user:s3c@ret/x@db/logs", "clickhouse://user:…@db/logs"),
        ("clickhouse://db/logs?user=u&password=s3cret&secure=1", "clickhouse://db/logs?user=u&password=…&secure=1"),
        ("clickhouse://user@db/logs", "clickhouse://user@db/logs"),
        ("chdb:///var/lib/a:b@c", "chdb:///var/lib/a:b@c"),
    ],
)
def test_a_password_inside_an_address_is_not_printed(
    url: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGPOST_STORE_URL", url)
    assert main(["config", "print"]) == 0
    printed = capsys.readouterr().out
    assert f'store.url = "{shown}"  # ' in printed
    assert "s3c" not in printed


@pytest.mark.parametrize("url", ["logs.example.org", "ftp://x", "http://", "http://a b", "http://u@evil/"])
def test_an_external_address_is_one_of_http(url: str) -> None:
    with pytest.raises(ConfigError, match=r"web\.external_url"):
        load(None, {"LOGPOST_WEB_EXTERNAL_URL": url})
