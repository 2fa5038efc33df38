"""The doctor names each fault that is planted: in real files, ports, settings, brokers and processes; what only the
system can say comes from a `Machine` that says it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from logpost.agent.delivery.positions import Host as Writer
from logpost.agent.delivery.positions import PositionsFile
from logpost.checks import mistakes as checked
from logpost.config import BrokerConfig, load, load_with_mistakes
from logpost.doctor.checks.result import Result
from logpost.doctor.checks.sources import judge as judge_sources
from logpost.doctor.examination import examine
from logpost.doctor.gathering.machine import Machine
from logpost.doctor.gathering.sources import reader, sources
from logpost.service import DirectoryLock
from logpost_broker import Broker
from tests.support.processes import free_port
from tests.web.indexer.test_away import Box

IS_ROOT = os.geteuid() == 0
SOMEBODY = 54_321
"""A user that owns nothing."""
HOUR = 3600.0


def doctor(toml: str, data: Path, file: Path, machine: Machine | None = None) -> list[Result]:
    """What it says with this configuration, in this order."""
    file.write_text(toml)
    loaded, mistakes = load_with_mistakes(file, {}, {"data": str(data)})
    return list(examine(machine or Machine(), loaded, mistakes + checked(loaded), file))


def names(results: Sequence[Result], check: str, state: str, words: str) -> bool:
    """One of them is that, and says what to do."""
    found = [one for one in results if one.check == check and one.state == state and words in one.detail]
    return any(one.remedy for one in found)


def shown(results: Sequence[Result]) -> str:
    return "\n".join(f"{one.state} {one.check}: {one.detail} → {one.remedy}" for one in results)


def room(path: Path, **fields: int) -> os.statvfs_result:
    """Of the file system at `path`, but for what is told."""
    real = os.statvfs(path)
    order = ["f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_flag"]
    values = [fields.get(name, getattr(real, name)) for name in order]
    return os.statvfs_result((*values, real.f_namemax))


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        yield


@pytest.fixture(scope="module")
def sick_host(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    """Of a host on which nearly everything is wrong before anything starts."""
    place = tmp_path_factory.mktemp("sick")
    data, root, cgroups = place / "data", place / "root", place / "cgroups"
    port = free_port()
    for part in ("agent", "broker", "store/clickhouse", "log"):
        (data / part).mkdir(parents=True, mode=0o755)
    (data / "broker" / "metadata.json").write_text('{"version": 99}')
    (data / "store" / "clickhouse" / "version.json").write_text('{"engine": "99.1.2.3"}')
    (data / "agent" / "positions.json").write_text('{"version": 2, "sources": [')
    future = data / "log" / "web.log"
    future.write_text("")
    os.utime(future, (time.time() + HOUR, time.time() + HOUR))
    (root / ".dockerenv").parent.mkdir()
    (root / ".dockerenv").write_text("")
    cgroups.mkdir()
    (cgroups / "memory.max").write_text(f"{2**29}\n")
    (cgroups / "memory.events").write_text("oom 3\noom_kill 2\n")
    secret = place / "secret.log"
    secret.write_text("x\n")
    secret.chmod(0o000)
    if IS_ROOT:
        os.chown(data / "broker" / "metadata.json", SOMEBODY, SOMEBODY)
        os.chown(data / "agent", SOMEBODY, SOMEBODY)
    garbage = place / "authorities.pem"
    garbage.write_text("no certificate\n")
    machine = Machine(
        root=root,
        cgroups=cgroups,
        statvfs=lambda path: room(path, f_bavail=1, f_files=1000, f_favail=3),
        host_name=lambda: "0123456789ab",
        clock_is_synchronised=lambda: False,
    )
    lock = DirectoryLock(data / "log")
    try:
        with listening(port):
            return doctor(
                f"""
                [broker]
                prot = 1
                port = {free_port()}
                metrics_port = 0
                [web]
                port = {port}
                [kafka]
                bootstrap_servers = "nowhere.invalid:9092"
                security_protocol = "SASL_SSL"
                sasl_username = "logpost"
                sasl_password = "canary"
                ssl_ca_location = "{garbage}"
                [agent]
                metrics_port = 0
                [[agent.source]]
                type = "file"
                paths = ["{secret}"]
                """,
                data,
                place / "logpost.toml",
                machine,
            )
    finally:
        lock.release()


@pytest.mark.parametrize(
    ("check", "state", "words"),
    [
        ("configuration", "fail", "unknown key broker.prot"),
        ("configuration", "warn", "has a password, and every user"),
        ("versions", "fail", "metadata.json has version 99"),
        ("versions", "fail", "was written by ClickHouse 99.1.2.3"),
        ("parts", "fail", "agent does not run, although `logpost up` does"),
        ("ports", "fail", "is taken by "),
        pytest.param(
            "rights",
            "fail",
            "metadata.json belongs to 54321",
            marks=pytest.mark.skipif(not IS_ROOT, reason="only root gives files away"),
        ),
        ("rights", "warn", "every user of this host may look into"),
        ("disk", "fail", "producers are refused"),
        ("inodes", "fail", "3 of 1,000 inodes are free"),
        ("memory", "fail", "2 processes were killed for memory"),
        ("memory", "warn", "the store may use 268 MB, and its limit has 537 MB for all parts"),
        ("host name", "warn", "0123456789ab, the name of this container"),
        ("names", "fail", "kafka.bootstrap_servers: nowhere.invalid has no address"),
        ("authorities", "fail", "has no certificate in PEM form"),
        ("agent", "fail", "positions.json are damaged"),
        ("sources", "fail", "agent.source[0]: user "),
        ("clock", "fail", "the clock was set back"),
    ],
)
def test_faults_of_a_host(sick_host: list[Result], check: str, state: str, words: str) -> None:
    assert names(sick_host, check, state, words), shown(sick_host)


def test_a_secret_of_the_configuration_is_in_no_finding(sick_host: list[Result]) -> None:
    assert "canary" not in shown(sick_host)


def test_a_directory_that_its_owner_may_not_write_and_a_source_without_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "broker").mkdir(mode=0o500)
    machine = Machine(statvfs=lambda path: room(path, f_flag=os.ST_RDONLY))
    toml = f'[broker]\nport = {free_port()}\n[[agent.source]]\ntype = "file"\npaths = ["{tmp_path}/nothing-*.log"]\n'
    results = doctor(toml, data, tmp_path / "logpost.toml", machine)
    assert names(results, "rights", "fail", "may not write it (mode 0500)"), shown(results)
    assert names(results, "sources", "warn", "nothing-*.log"), shown(results)
    assert names(results, "disk", "fail", "read-only"), shown(results)


def test_a_restore_that_was_interrupted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "restoring").mkdir(parents=True)
    results = doctor("", data, tmp_path / "logpost.toml")
    assert names(results, "parts", "fail", "of a restore that was interrupted"), shown(results)


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_a_part_on_another_disk_is_its_users(tmp_path: Path) -> None:
    data, disk = tmp_path / "data", tmp_path / "disk"
    data.mkdir(mode=0o750)
    (disk / "lost+found").mkdir(parents=True)
    (disk / "metadata.json").write_text("{}")
    (disk / "metadata.json").chmod(0o640)
    os.chown(disk / "metadata.json", SOMEBODY, SOMEBODY)
    os.chown(disk, SOMEBODY, SOMEBODY)
    disk.chmod(0o750)
    (data / "broker").symlink_to(disk)
    results = doctor("", data, tmp_path / "logpost.toml")
    assert [one.state for one in results if one.check == "rights"] == ["ok"], shown(results)


@pytest.mark.skipif(not IS_ROOT or shutil.which("setpriv") is None, reason="only root can become less")
def test_a_user_who_may_not_look_is_told_so_and_all_else(tmp_path: Path) -> None:
    """By a root that may do no more than others."""
    data, file = tmp_path / "data", tmp_path / "logpost.toml"
    file.write_text("")
    (data / "broker").mkdir(parents=True)
    (data / "broker" / "lock").write_text("1\n")
    for path in (data / "broker", data):
        os.chown(path, SOMEBODY, SOMEBODY)
        path.chmod(0o750)
    caps = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}", sys.executable, "-m", "logpost"]
    options = ["--config", str(file), "--data", str(data)]
    ended = subprocess.run([*command, "doctor", *options], capture_output=True, text=True, check=False, timeout=120)
    assert ended.stderr == ""
    assert "whether up, broker, web, agent run is not for this user to know" in ended.stdout
    assert "clock " in ended.stdout
    ended = subprocess.run([*command, "status", *options], capture_output=True, text=True, check=False, timeout=120)
    assert ended.stdout.count("unknown") == 4, ended.stdout + ended.stderr


@pytest.mark.skipif(not IS_ROOT, reason="root asks for the unit's user")
def test_before_the_first_start_the_user_of_the_unit_counts(tmp_path: Path) -> None:
    secret, data, root = tmp_path / "secret.log", tmp_path / "data", tmp_path / "root"
    secret.write_text("x\n")
    secret.chmod(0o600)
    file = tmp_path / "logpost.toml"
    file.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{secret}"]\n')

    def judged() -> list[Result]:
        machine = Machine(root=root)
        who = reader(machine, None, data, "nobody")
        return list(judge_sources(list(sources(machine, load(file, {}).config, None, data, who))))

    assert names(judged(), "sources", "fail", "user nobody may not read "), shown(judged())
    drop_in = root / "etc/systemd/system/nobody.service.d/override.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\nAmbientCapabilities=CAP_DAC_READ_SEARCH\n")
    assert [one.state for one in judged()] == ["ok"]


@pytest.mark.skipif(not IS_ROOT, reason="only root gives files away")
def test_settings_that_who_starts_with_them_may_not_read() -> None:
    """In a directory that all may look into: nobody but root may look into that of a test."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as open_to_all:
        data, file = Path(open_to_all, "data"), Path(open_to_all, "logpost.toml")
        data.parent.chmod(0o755)
        for path in (data, data / "agent"):
            path.mkdir()
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        file.write_text("")
        file.chmod(0o600)
        results = doctor("", data, file)
        assert names(results, "configuration", "fail", f"user nobody may not read {file}"), shown(results)
        os.chown(file, 0, nobody.pw_gid)
        file.chmod(0o640)
        assert [one.state for one in doctor("", data, file) if one.check == "configuration"] == ["ok"]


def test_data_that_is_gone_with_the_container_or_the_next_start(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    device = tmp_path.stat().st_dev
    place = f"29 1 {os.major(device)}:{os.minor(device)} / / rw,relatime"
    for kind, words in (("overlay", "is the container's own"), ("tmpfs", "is in memory")):
        (proc / "self" / "mountinfo").write_text(f"{place} shared:1 - {kind} none rw\n")
        results = doctor("", tmp_path / "data", tmp_path / "logpost.toml", Machine(proc=proc))
        assert names(results, "disk", "warn", words), shown(results)


def test_positions_of_another_host(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "agent").mkdir(parents=True)
    PositionsFile(data / "agent" / "positions.json", Writer(name="web-1")).save({"file": msgspec.Raw(b"[]")})
    machine = Machine(host_name=lambda: "web-2")
    results = doctor("", data, tmp_path / "logpost.toml", machine)
    assert names(results, "agent", "warn", "of host web-1"), shown(results)
    results = doctor('[agent]\nhostname = "web-1"', data, tmp_path / "logpost.toml", machine)
    assert not names(results, "agent", "warn", "of host web-1"), shown(results)


def test_a_configuration_with_which_nothing_starts(tmp_path: Path) -> None:
    """All its mistakes are named, and what can be looked at is."""
    toml = """
    [broker]
    listen = "192.0.2.1"
    [store]
    url = "postgres://x"
    [[agent.source]]
    type = "file"
    paths = ["relative/*.log"]
    timezone = "Mars/Base"
    """
    results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
    for words in ("broker.listen", "store.url", "relative/*.log", "Mars/Base"):
        assert names(results, "configuration", "fail", words), shown(results)
    assert names(results, "sources", "fail", "relative/*.log"), shown(results)
    assert any(one.check == "clock" for one in results)


def test_inotify_that_is_used_up_by_others(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    settings = proc / "sys" / "fs" / "inotify"
    settings.mkdir(parents=True)
    (settings / "max_user_instances").write_text("1\n")
    (settings / "max_user_watches").write_text("100000\n")
    own = proc / "17"
    (own / "fd").mkdir(parents=True)
    (own / "fdinfo").mkdir()
    (own / "fd" / "3").symlink_to("anon_inode:inotify")
    shutil.copy("/proc/self/status", own / "status")
    shutil.copy("/proc/self/stat", own / "stat")
    machine = dataclasses.replace(Machine(), proc=proc)
    results = doctor(f"[broker]\nport = {free_port()}\n", tmp_path / "data", tmp_path / "logpost.toml", machine)
    assert names(results, "inotify", "warn", "has 1 of 1 inotify instances"), shown(results)


@pytest.fixture(scope="module")
def odd_topics(tmp_path_factory: pytest.TempPathFactory, shared_broker: Broker) -> list[Result]:
    """Of a broker that answers, and whose topic and groups are not as they should be."""
    place = tmp_path_factory.mktemp("odd")
    servers = shared_broker.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    settings = {"cleanup.policy": "compact", "max.message.bytes": "1000000", "message.timestamp.type": "CreateTime"}
    settings |= {"retention.ms": "60000", "retention.bytes": "1000000"}
    for topic, config in (("doctor-odd", settings), ("doctor-read", {})):
        [made] = admin.create_topics([NewTopic(topic, 1, config=config)]).values()
        made.result()
    producer = Producer({"bootstrap.servers": servers})
    for number in range(10):
        producer.produce("doctor-read", str(number).encode())
    assert producer.flush(60) == 0
    for group, offset in (("doctor-late", 0), ("doctor-ahead", 25)):
        with contextlib.closing(Consumer({"bootstrap.servers": servers, "group.id": group})) as consumer:
            consumer.commit(offsets=[TopicPartition("doctor-read", 0, offset)], asynchronous=False)
    [deleted] = admin.delete_records([TopicPartition("doctor-read", 0, 7)]).values()
    deleted.result()
    toml = f"""
    [kafka]
    bootstrap_servers = "{servers}"
    topic = "doctor-odd"
    """
    return doctor(toml, place / "data", place / "logpost.toml")


@pytest.mark.parametrize(
    ("check", "state", "words"),
    [
        ("topic", "fail", "doctor-odd is compacted"),
        ("topic", "warn", "has 1 partitions, kafka.partitions is 8"),
        ("topic", "warn", "takes messages of 1,000,000 bytes"),
        ("topic", "warn", "keeps the times of its clients"),
        ("topic", "warn", "keeps lines for 60 s"),
        ("topic", "warn", "keeps 1,000,000 bytes of a partition"),
        ("groups", "fail", "7 records were deleted before doctor-late read them"),
        ("groups", "warn", "doctor-ahead stands 15 records behind the end"),
    ],
)
def test_faults_of_topics_and_groups(odd_topics: list[Result], check: str, state: str, words: str) -> None:
    assert names(odd_topics, check, state, words), shown(odd_topics)
    assert any(one.check == "broker" and one.state == "ok" for one in odd_topics)


def test_a_broker_whose_disk_has_lost_bytes(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    config = BrokerConfig(port=0, metrics_port=port)
    with Broker(config, data / "broker") as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "compression.type": "none"})
        for value in ("first", "second", "third"):
            producer.produce("letters", value, partition=0)
            assert producer.flush(60) == 0
    file = data / "broker" / "letters-0" / "00000000000000000000.log"
    file.write_bytes(file.read_bytes().replace(b"second", b"sec0nd"))
    with Broker(config, data / "broker") as broker:
        settings = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "reader"}
        with contextlib.closing(Consumer(settings)) as consumer:
            consumer.assign([TopicPartition("letters", 0, 0)])
            assert len(consumer.consume(2, 60)) == 2
        toml = f'[kafka]\nbootstrap_servers = "{broker.bootstrap_servers}"\n[broker]\nmetrics_port = {port}\n'
        results = doctor(toml, data, tmp_path / "logpost.toml")
    assert names(results, "broker", "fail", "bytes of its topics are damaged"), shown(results)


def test_a_topic_that_is_not_there(tmp_path: Path, shared_broker: Broker) -> None:
    toml = f'[kafka]\nbootstrap_servers = "{shared_broker.bootstrap_servers}"\ntopic = "doctor-none"\n'
    results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
    assert names(results, "topic", "warn", "there is no topic doctor-none"), shown(results)


def test_a_broker_that_sends_its_clients_where_they_cannot_come(tmp_path: Path) -> None:
    config = BrokerConfig(port=0, metrics_port=0, advertised_host="nowhere.invalid")
    with Broker(config, tmp_path / "broker") as broker:
        toml = f'[kafka]\nbootstrap_servers = "localhost:{broker.port}"\n'
        results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
    assert names(results, "broker", "fail", f"sends its clients to nowhere.invalid:{broker.port}"), shown(results)


class _Page(socketserver.BaseRequestHandler):
    """An old web server: whatever is asked, it answers with a page."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.0 200 OK\r\n\r\n<html>a page</html>")


def test_another_program_in_the_place_of_broker_and_web(tmp_path: Path) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        port = page.server_address[1]
        toml = f'[kafka]\nbootstrap_servers = "127.0.0.1:{port}"\n[web]\nport = {port}\n'
        results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
        page.shutdown()
    assert names(results, "broker", "fail", "(not kafka)"), shown(results)
    assert names(results, "store", "warn", "is not logpost"), shown(results)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ('security_protocol = "SASL_PLAINTEXT"\nsasl_username = "u"\nsasl_password = "canary"', "(sign-in)"),
        ('security_protocol = "SSL"', "(protocol)"),
    ],
)
def test_a_broker_that_does_not_let_this_host_in(
    settings: str, cause: str, tmp_path: Path, shared_broker: Broker
) -> None:
    toml = f'[kafka]\nbootstrap_servers = "{shared_broker.bootstrap_servers}"\n{settings}\n'
    results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
    assert names(results, "broker", "fail", cause), shown(results)
    assert "canary" not in shown(results)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, which makes a certificate")
def test_a_certificate_that_no_authority_of_ours_has_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the same where the host's store has it."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    made += ["-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handshake(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), context.wrap_socket(self.request, server_side=True) as encrypted:
                encrypted.recv(1)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handshake) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        toml = f'[kafka]\nbootstrap_servers = "127.0.0.1:{server.server_address[1]}"\nsecurity_protocol = "SSL"\n'
        results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        believed = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
        server.shutdown()
    assert names(results, "broker", "fail", "(certificate)"), shown(results)
    assert not names(believed, "broker", "fail", "(certificate)"), shown(believed)
    assert [one.detail for one in believed if one.check == "authorities"] == [str(certificate)]


def test_a_broker_that_is_away(tmp_path: Path) -> None:
    toml = f'[kafka]\nbootstrap_servers = "localhost:{free_port()}"\n'
    results = doctor(toml, tmp_path / "data", tmp_path / "logpost.toml")
    assert names(results, "broker", "fail", "Connection refused"), shown(results)


def test_a_web_without_its_broker_a_clock_that_is_wrong_and_a_part_that_is_stopped(tmp_path: Path) -> None:
    box = Box(tmp_path)
    toml = f"""
    [kafka]
    bootstrap_servers = "{box.bootstrap_servers}"
    [web]
    port = {box.web_port}
    """
    machine = Machine(now=lambda: time.time() + HOUR)
    with box.web.start():
        results = doctor(toml, box.data, tmp_path / "logpost.toml", machine)
        assert names(results, "store", "fail", "the indexer reads no partitions"), shown(results)
        assert names(results, "clock", "fail", "ahead of the web's"), shown(results)
        pid = box.web.process.pid
        assert any(f"web runs (pid {pid})" in one.detail for one in results if one.check == "parts"), shown(results)
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
        try:
            results = doctor(toml, box.data, tmp_path / "logpost.toml")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert names(results, "parts", "fail", f"web (pid {pid}) is stopped by a signal"), shown(results)
        assert names(results, "store", "fail", "timed out, although the web runs"), shown(results)


@pytest.mark.skipif(not IS_ROOT or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_a_journal_that_the_agent_may_not_read_looks_empty_to_it(tmp_path: Path) -> None:
    """Anybody may look into its directory."""
    journal = tmp_path / "root" / "run" / "log" / "journal" / "0123" / "system.journal"
    journal.parent.mkdir(parents=True)
    journal.touch(0o640)
    os.chown(journal, 0, SOMEBODY + 1)
    file = tmp_path / "logpost.toml"
    file.write_text('[[agent.source]]\ntype = "journal"\n')
    for group, is_closed in ((SOMEBODY, True), (SOMEBODY + 1, False)):
        somebody = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={group}", "--clear-groups", "--bounding-set=-all"]
        started = [*somebody, "sh", "-c", "echo there && exec sleep 600"]
        with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as agent:
            assert agent.stdout is not None
            assert agent.stdout.readline() == "there\n"
            machine = Machine(root=tmp_path / "root")
            who = reader(machine, agent.pid, tmp_path, "")
            found = sources(machine, load(file, {}).config, agent.pid, tmp_path, who)
            results = list(judge_sources(list(found)))
            agent.kill()
        assert names(results, "sources", "fail", "may not read the journal") == is_closed, shown(results)


@pytest.mark.skipif(not IS_ROOT or shutil.which("unshare") is None, reason="needs root and unshare")
def test_a_log_that_the_unit_hides_from_the_agent(tmp_path: Path) -> None:
    """As ProtectHome= does: an empty directory lies over it, for the agent alone."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "x.log").write_text("x\n")
    file = tmp_path / "logpost.toml"
    file.write_text(f'[[agent.source]]\ntype = "file"\npaths = ["{home}/*.log"]\n')
    hidden = ["unshare", "--mount", "sh", "-c", f"mount -t tmpfs none {home} && echo there && exec sleep 600"]
    with subprocess.Popen(hidden, stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == "there\n"
        who = reader(Machine(), agent.pid, tmp_path, "logpost")
        results = list(judge_sources(list(sources(Machine(), load(file, {}).config, agent.pid, tmp_path, who))))
        agent.kill()
    assert names(results, "sources", "fail", "hidden from the agent by its unit"), shown(results)
