"""What `logpost up` starts, from the configuration alone."""

from pathlib import Path

from logpost.config import load
from logpost.supervisor.plan import BOOTSTRAP_SERVERS, plan

NO_FILE = None


def test_everything_starts_in_order_and_reads_this_hosts_own_logs() -> None:
    planned = plan(load(NO_FILE, {}, {"data": "/d"}), NO_FILE, {})
    assert [name for name, _ in planned.parts] == ["broker", "web", "agent"]
    assert planned.parts[-1] == ("agent", ("--data", "/d", "--host-logs"))


def test_the_parts_use_the_broker_on_its_own_port() -> None:
    planned = plan(load(NO_FILE, {"LOGPOST_BROKER_PORT": "19092"}, {"data": "/d"}), NO_FILE, {})
    assert planned.environment[BOOTSTRAP_SERVERS] == planned.servers == "localhost:19092"


def test_with_another_kafka_configured_no_broker_is_started() -> None:
    environment = {"LOGPOST_KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092"}
    planned = plan(load(NO_FILE, environment, {"data": "/d"}), NO_FILE, environment)
    assert [name for name, _ in planned.parts] == ["web", "agent"]
    assert not planned.starts_broker


def test_configured_sources_replace_the_hosts_own_logs(tmp_path: Path) -> None:
    file = tmp_path / "logpost.toml"
    file.write_text('[[agent.source]]\ntype = "file"\npaths = ["/x/*.log"]\n')
    planned = plan(load(file, {}, {"data": "/d"}), file, {})
    assert planned.parts[-1] == ("agent", ("--config", str(file), "--data", "/d"))
