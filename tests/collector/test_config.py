"""Configuration: the environment wins over the file, and every mistake is named."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from logpost.cli import main
from logpost.config import (
    DEFAULTS,
    SHORT_KEYS,
    BrokerConfig,
    Config,
    FileSourceConfig,
    JournalSourceConfig,
    KafkaConfig,
    load,
    settings,
)
from logpost.config.tree import unit_of
from logpost.errors import ConfigError
from logpost.handler.logging_handler import kafka_config
from logpost.units import written


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
        FileSourceConfig(paths=("/var/log/nginx/*.log",), service="nginx"),
        JournalSourceConfig(),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[broker]\nprot = 1\n", "unknown key broker.prot: did you mean broker.port?"),
        ("[brokr]\nport = 1\n", "unknown key brokr"),
        ('[broker]\nport = "x"\n', "broker.port: expected `int`, got `str`"),
        ('[broker]\nflush = "never"\n', 'broker.flush: expected "commit", "interval" or "os", got \'never\''),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["/x"]\nservise = "y"\n',
            "unknown key agent.source[0].servise: did you mean agent.source[0].service?",
        ),
        ('[[agent.source]]\ntype = "file"\n', "agent.source[0]: object missing required field `paths`"),
        ("[agent]\nmetrics_port = 70000\n", "agent.metrics_port: expected `int` <= 65535"),
        ("[web]\nport = -1\n", "web.port: expected `int` >= 0"),
        ("[agent]\nmax_in_flight = 0\n", "agent.max_in_flight: expected `int` >= 1"),
        ("[agent]\npoll_seconds = nan\n", "agent.poll_seconds: expected `float` > 0.0"),
        ("[agent]\nmax_line_bytes = 100\n", "agent.max_line_bytes: expected `int` >= 1024"),
        ('[kafka]\nbootstrap_servers = ""\n', 'kafka.bootstrap_servers: expected addresses such as "broker-1:9092,'),
        ('[kafka]\ntopic = "a b"\n', "kafka.topic: expected a topic's name: "),
        ('[kafka]\nbootstrap_servers = ","\n', 'kafka.bootstrap_servers: expected addresses such as "broker-1:9092,'),
        ('[broker]\nadvertised_host = "a b"\n', "broker.advertised_host: expected a host's name"),
        ('[store]\ntopics = ""\n', "store.topics: expected a pattern that starts with ^"),
        ('[[agent.source]]\ntype = "file"\npaths = []\n', "agent.source[0].paths: expected `array` of length >= 1"),
        (
            '[[agent.source]]\ntype = "file"\npaths = [""]\n',
            'agent.source[0].paths[0]: expected a path such as "/var/log',
        ),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["a\\u0000"]\n',
            'agent.source[0].paths[0]: expected a path such as "/var/log',
        ),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["/x"]\nstart = "middle"\n',
            'agent.source[0].start: expected "beginning" or "end", got',
        ),
        (
            '[[agent.source]]\ntype = "file"\npaths = ["/x"]\nmax_lines_per_second = -1\n',
            "agent.source[0].max_lines_per_second: expected `int` >= 0",
        ),
        ("[broker]\nPort = 1\n", "unknown key broker.Port: did you mean broker.port?"),
        ("[broker]\nretention-ms = 1\n", "did you mean broker.retention_ms?"),
        ('[broker]\nretenton = "1d"\n', "did you mean broker.retention?"),
        ("[broker]\nzzz = 1\n", "unknown key broker.zzz"),
        ('[[agent.source]]\ntype = "files"\n', 'agent.source[0].type: expected "file" or "journal", got \'files\''),
        ('[[agent.source]]\npaths = ["/x"]\n', 'agent.source[0].type: expected "file" or "journal"'),
        ('[agent.source]\ntype = "journal"\n', "agent.source: expected tables, each under [[agent.source]]"),
        ('[broker]\nretention = "300000000000000d"\n', "broker.retention_ms: expected `int` <= 9223372036854775807"),
        ('[kafka]\ntopic = ".."\n', "kafka.topic: expected a topic's name"),
        ('[store]\nkeep = "0"\n', "store.keep: expected a duration longer than 0"),
        ('[store]\nkeep = "0d"\n', "store.keep: expected a duration longer than 0"),
        ('[store]\nmax_bytes = "101%"\n', "store.max_bytes: expected a share of the file system"),
        ('[store]\nmax_bytes = "0GB"\n', "store.max_bytes: expected a share of the file system"),
        (
            '[[store.retention]]\nquery = ""\nkeep = "3d"\n',
            "store.retention[0].query: expected `str` of length >= 1",
        ),
        ('[[store.retention]]\nquery = "a"\n', "store.retention[0]: object missing required field `keep`"),
        ('[[store.retention]]\nquery = "a"\nkeep = "0s"\n', "store.retention[0].keep: expected a duration longer"),
        (
            '[[store.retention]]\nqery = "a"\nkeep = "3d"\n',
            "unknown key store.retention[0].qery: did you mean store.retention[0].query?",
        ),
        ('[store.retention]\nquery = "a"\n', "store.retention: expected tables, each under [[store.retention]]"),
        ('[web]\nlisten = ""\n', "web.listen: expected an address of this host"),
        ('[web]\nlisten = "[::1]"\n', "web.listen: expected an address of this host"),
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
        ("LOGPOST_BROKER_PROT", "1", "LOGPOST_BROKER_PROT names no setting .did you mean LOGPOST_BROKER_PORT"),
        ("LOGPOST_AGENT_SOURCE", "[]", "LOGPOST_AGENT_SOURCE names no setting; "),
        ("LOGPOST_STORE_RETENTION", "[]", "LOGPOST_STORE_RETENTION names no setting; "),
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
        ("clickhouse://user:s3cret@db:8443/logs", "clickhouse://…@db:8443/logs"),
        ("clickhouse://user:s3c@ret/x@db/logs", "clickhouse://…@db/logs"),
        ("clickhouse://db/logs?user=u&password=s3cret&secure=1", "clickhouse://db/logs?…"),
        ("clickhouse://s3cret@db/logs", "clickhouse://…@db/logs"),
        ("chdb:///var/lib/a:b@c", "chdb:///var/lib/a:b@c"),
    ],
)
def test_what_an_address_may_hide_is_not_printed(
    url: str, shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGPOST_STORE_URL", url)
    assert main(["config", "print"]) == 0
    printed = capsys.readouterr().out
    assert f'store.url = "{shown}"  # ' in printed
    assert "s3c" not in printed


@pytest.mark.parametrize(
    "servers", ["SASL_SSL://u:s3cret@h:9092", "u:s3cret@h:9092", "a:9092,u:s3cret@b", "h?p=s3cret"]
)
def test_a_broker_has_no_password_in_its_address(
    servers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what is wrong, and not what was written there."""
    file = write(tmp_path, f'[kafka]\nbootstrap_servers = "{servers}"\n')
    for command in (["config", "check"], ["config", "print"], ["topics", "list"], ["doctor"]):
        assert main([*command, "--config", str(file), "--data", str(tmp_path)]) != 0
    out, err = capsys.readouterr()
    assert "kafka.bootstrap_servers: expected addresses such as" in err
    assert "s3cret" not in out + err


@pytest.mark.parametrize("url", ["logs.example.org", "ftp://x", "http://", "http://a b", "http://u@evil/"])
def test_an_external_address_is_one_of_http(url: str) -> None:
    with pytest.raises(ConfigError, match=r"web\.external_url"):
        load(None, {"LOGPOST_WEB_EXTERNAL_URL": url})


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('[broker]\nretention = "14d"\n', "broker.retention_ms", 14 * 86_400_000),
        ("[broker]\nretention = -1\n", "broker.retention_ms", -1),
        ('[broker]\nretention_check = "5m"\n', "broker.retention_check_seconds", 300.0),
        ('[broker]\noffsets_retention = "7d"\n', "broker.offsets_retention_minutes", 10_080),
        ('[broker]\ndisk_reserve = "50GB"\n', "broker.disk_reserve_bytes", 50 * 10**9),
        ('[store]\nblock = "0.25s"\n', "store.block_seconds", 0.25),
        ('[store]\nblock = "8MiB"\n', "store.block_bytes", 8 * 2**20),
        ('[agent]\nmax_line = "64KiB"\n', "agent.max_line_bytes", 65_536),
    ],
)
def test_a_setting_with_a_unit_has_a_name_without(tmp_path: Path, text: str, key: str, value: object) -> None:
    file = write(tmp_path, text)
    loaded = load(file, {})
    assert settings(loaded.config)[key] == value
    assert loaded.origins[key].startswith(f"{file} ({key.rpartition('_')[0]} = ")


def test_such_a_name_is_read_from_the_environment_and_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[broker]\nretention_ms = 1\n")
    loaded = load(file, {"LOGPOST_BROKER_RETENTION": "2d", "LOGPOST_STORE_MAX_MEMORY": "1GB"})
    assert (loaded.config.broker.retention_ms, loaded.config.store.max_memory_bytes) == (2 * 86_400_000, 10**9)
    assert loaded.origins["broker.retention_ms"] == (
        'environment variable LOGPOST_BROKER_RETENTION (broker.retention = "2d")'
    )


def test_no_setting_has_the_name_that_another_one_has_without_its_unit() -> None:
    assert not set(SHORT_KEYS) & set(DEFAULTS)
    assert {key for keys in SHORT_KEYS.values() for key in keys} == {
        key
        for key, default in DEFAULTS.items()
        if key.endswith(("_ms", "_seconds", "_minutes", "_bytes")) and not isinstance(default, str)
    }


@pytest.mark.parametrize("key", sorted({key for keys in SHORT_KEYS.values() for key in keys}))
def test_every_default_can_be_written_with_its_unit(tmp_path: Path, key: str) -> None:
    table, _, name = key.rpartition("_")[0].partition(".")
    text = written(Fraction(str(DEFAULTS[key])), unit_of(key))
    assert load(write(tmp_path, f'[{table}]\n{name} = "{text}"\n'), {}).config == Config()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            '[broker]\nretention = "14d"\nretention_ms = 5\n',
            "broker.retention and broker.retention_ms are one setting: keep one of them",
        ),
        (
            '[broker]\nretention = "14"\n',
            'broker.retention: expected a duration such as "14d", "1h30m" or "90s", got "14"',
        ),
        (
            "[broker]\nretention = 14\n",
            'broker.retention: expected a duration such as "14d", "1h30m" or "90s", got "14"',
        ),
        ('[broker]\nsegment = "5d"\n', 'broker.segment: expected a size such as "50GB" or "128MiB", got "5d"'),
        (
            '[broker]\nretention = "0.1ms"\n',
            'broker.retention: "0.1ms" is finer than the setting: it counts milliseconds',
        ),
        ('[broker]\noffsets_retention = "0s"\n', "broker.offsets_retention_minutes: expected `int` >= 1"),
        ("[broker]\nretention = true\n", "broker.retention: expected a duration"),
    ],
)
def test_a_mistake_with_a_unit_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(write(tmp_path, text), {})
    assert named in str(raised.value)


def test_two_variables_of_one_setting_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"LOGPOST_BROKER_RETENTION.*LOGPOST_BROKER_RETENTION_MS|_MS.*RETENTION"):
        load(None, {"LOGPOST_BROKER_RETENTION_MS": "1", "LOGPOST_BROKER_RETENTION": "2d"})


def test_variables_that_kubernetes_makes_for_a_service_are_no_settings() -> None:
    environment = {
        "LOGPOST_SERVICE_HOST": "10.0.0.1",
        "LOGPOST_SERVICE_PORT": "9092",
        "LOGPOST_SERVICE_PORT_KAFKA": "9092",
        "LOGPOST_PORT": "tcp://10.0.0.1:9092",
        "LOGPOST_PORT_9092_TCP": "tcp://10.0.0.1:9092",
        "LOGPOST_PORT_9092_TCP_PROTO": "tcp",
        "LOGPOST_PORT_9092_TCP_PORT": "9092",
        "LOGPOST_PORT_9092_TCP_ADDR": "10.0.0.1",
        "LOGPOST_BROKER_SERVICE_HOST": "10.0.0.1",
        "LOGPOST_BROKER_PORT": "tcp://10.0.0.1:9092",
        "LOGPOST_WEB_PORT": "udp://10.0.0.1:9092",
        "LOGPOST_WEB_PORT_53_UDP_ADDR": "10.0.0.1",
    }
    assert load(None, environment).config == Config()
    assert kafka_config(
        {"LOGPOST_KAFKA_PORT": "tcp://10.0.0.1:9092", "LOGPOST_KAFKA_SERVICE_HOST": "x"}, None, None
    ) == (KafkaConfig())


FOUR = """
[broker]
listen = "0.0.0.0"
[store]
url = "postgres://x"
[[agent.source]]
type = "file"
paths = ["relative/*.log"]
timezone = "Mars/Base"
"""
SEVEN = """
surprise = 1
[broker]
port = "x"
flush = "never"
[web]
prot = 1
listen = "::"
[kafka]
security_protocol = "SASL_SSL"
[[agent.source]]
type = "file"
paths = ["/x/**y/*.log", ""]
servise = "x"
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (FOUR, ["broker.listen", "store.url", "agent.source[0].paths[0]", "agent.source[0].timezone"]),
        (
            SEVEN,
            [
                "unknown key surprise",
                "broker.port: expected",
                "broker.flush: expected",
                "unknown key web.prot: did you mean web.port?",
                "unknown key agent.source[0].servise",
                "agent.source[0].paths[1]: expected",
                "web.listen",
                "kafka.security_protocol",
            ],
        ),
        ('[[agent.source]]\ntype = "file"\npaths = ["/x/**y"]\n', ["agent.source[0].paths[0]"]),
        ('[[agent.source]]\ntype = "journal"\n' * 2, ["only one source"]),
        ('[store]\ntopics = "^("\n', ["store.topics"]),
        (
            '[[store.retention]]\nquery = "level:"\nkeep = "3d"\n[[store.retention]]\nquery = " "\nkeep = "1h"\n',
            ["store.retention[0].query: ", "store.retention[1].query: an empty query matches everything"],
        ),
        ('[[store.retention]]\nquery = "message:/(/"\nkeep = "3d"\n', ["store.retention[0].query: "]),
        ('[store]\nurl = "chdb://me:secret@box"\n', ["store.url: expected chdb:///path, got a path that depends"]),
        ('[store]\nurl = "clickhouse://"\n', ["store.url: expected clickhouse://user@host:8443/database, got no host"]),
        ('[store]\nurl = "clickhouse://me:secret@box:http/logs"\n', ["store.url: expected clickhouse://user@host"]),
        ('data = "~no-such-user/logs"\n', ["data: Could not determine home directory"]),
        ('[broker]\ninsecure = true\nlisten = "256.1.1.1"\n', ["broker.listen = '256.1.1.1' is no address"]),
        ('[web]\nlisten = "localhost:8080"\n', ["is no address (the port is web.port)"]),
        ("[broker]\nport = 8080\n[web]\nport = 8080\n", ["web.port = 8080 is the port of broker.port too"]),
        (
            '[web]\nlisten = "0.0.0.0"\ninsecure = true\nport = 9645\n[agent]\nmetrics_port = 9645\n',
            ["agent.metrics_port = 9645 is the port of web.port too"],
        ),
        (f'[kafka]\nsecurity_protocol = "SSL"\nssl_ca_location = "{__file__}"\n', ["[kafka] cannot be used"]),
    ],
)
def test_check_names_all_mistakes_with_key_and_file(
    tmp_path: Path, text: str, named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, text)
    assert main(["config", "check", "--config", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith(f"logpost: {file}: ") for line in lines)
    assert [name for name in named if not any(name in line for line in lines)] == []
    assert len(lines) == len(named)


@pytest.mark.parametrize(
    "text",
    [
        '[broker]\nlisten = "127.0.0.2"\nport = 8080\n[web]\nport = 8080\n',
        "[broker]\nport = 0\n[web]\nport = 0\n",
        "[agent]\nmetrics_port = 8080\n",  # of a host without a web
        "\ufeff[broker]\nport = 9092\n",
        '[broker]\nlisten = "::1"\n',
        '[[store.retention]]\nquery = "level:debug service:web-*"\nkeep = "3d"\n[store]\nmax_bytes = 50000000\n',
    ],
)
def test_check_finds_nothing_wrong(tmp_path: Path, text: str) -> None:
    assert main(["config", "check", "--config", str(write(tmp_path, text))]) == 0


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "logpost.toml"
    file.write_bytes('# here\n[agent]\nhostname = "müller"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"logpost\.toml is not UTF-8 \(line 3\)"):
        load(file, {})


def test_check_names_a_zone_that_only_the_environment_sets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Mars/Base")
    assert main(["config", "check"]) == 2
    assert 'the environment variable TZ = "Mars/Base" is no time zone' in capsys.readouterr().err


def test_check_says_that_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, '[broker]\nretention = "2d"\n[[agent.source]]\ntype = "file"\npaths = ["/x/*.log"]\n')
    assert main(["config", "check", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "the configuration is good\n"


def test_print_shows_both_spellings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, '[broker]\nretention = "2 days"\nsegment_bytes = 1048576\n')
    assert main(["config", "print", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f'broker.retention_ms = 172800000  # {file} (broker.retention = "2 days")\n' in printed
    assert f'broker.segment_bytes = 1048576  # {file} (broker.segment = "1MiB")\n' in printed
    assert 'store.block_seconds = 0.5  # default (store.block = "500ms")\n' in printed


def test_a_home_directory_is_found_without_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert Config(data="~/logs").data_directory() == Path("/home/ada/logs")


WRITABLE = (
    "import sys, pathlib; from logpost.config import tables; print(tables._is_writable(pathlib.Path(sys.argv[1])))"
)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(("mode", "is_writable"), [(0o755, True), (0o555, False)])
def test_the_systems_directory_may_be_roots_with_ours_in_it(mode: int, is_writable: bool, tmp_path: Path) -> None:
    """As systemd makes it; root without its right to write everywhere stands for the user of the unit."""
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent").chmod(mode)
    tmp_path.chmod(0o555)
    as_any_user = ("setpriv", "--bounding-set=-dac_override")
    command = [*as_any_user, sys.executable, "-c", WRITABLE, str(tmp_path)]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    tmp_path.chmod(0o755)
    assert printed == f"{is_writable}\n"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", "localhost:9092"),
        ('[broker]\nlisten = "127.0.0.2"\nport = 9099\n', "127.0.0.2:9099"),
        ('[broker]\nlisten = "0.0.0.0"\nadvertised_host = "logs"\n', "localhost:9092"),
        ('[broker]\nlisten = "::1"\n', "[::1]:9092"),
        ("[broker]\nport = 0\n", "localhost:9092"),
        ('[broker]\nport = 9099\n[kafka]\nbootstrap_servers = "localhost:9092"\n', "localhost:9092"),
    ],
)
def test_who_names_no_broker_means_the_one_of_these_settings(tmp_path: Path, text: str, servers: str) -> None:
    assert load(write(tmp_path, text), {}).config.kafka.bootstrap_servers == servers


def test_who_may_not_read_the_file_is_told_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(ConfigError, match="Permission denied: run this as root, or as a member of its group"):
        load(tmp_path / "logpost.toml", {})


def test_under_a_unit_the_data_is_where_its_directories_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its user cannot look into what is above them: that is to be said, and no other place taken."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/logpost/broker:/var/lib/logpost/store")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert load(None, {}).config.data_directory() == Path("/var/lib/logpost")
