"""What long-running commands share: locks, listening sockets, the end with the supervisor."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.errors import ConfigError, StartError
from logpost.service import SUPERVISOR_FD, DirectoryLock, bind, host_and_port, keep_private, local_url, on_stop
from tests.support.processes import free_port


def test_a_directory_is_held_by_one_process(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "broker")
    with pytest.raises(StartError, match=f"broker is in use by process {os.getpid()}: stop it first"):
        DirectoryLock(tmp_path / "broker")
    lock.release()
    DirectoryLock(tmp_path / "broker").release()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"cannot write the data directory .*file/broker"):
        DirectoryLock(tmp_path / "file" / "broker")


def test_localhost_listens_on_both_loopback_addresses_on_one_port() -> None:
    sockets = bind("localhost", 0, insecure=False, setting="web.port")
    try:
        assert len({bound.getsockname()[1] for bound in sockets}) == 1
        for bound in sockets:
            socket.create_connection(bound.getsockname()[:2], timeout=60).close()
    finally:
        for bound in sockets:
            bound.close()


def test_a_taken_port_is_named() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(StartError) as raised:
        bind("localhost", port, insecure=False, setting="web.port")
    assert str(raised.value) == f"cannot listen on 127.0.0.1 port {port}: Address already in use (web.port)"


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1 port 0: .+ \(web\.listen\)"):
        bind("192.0.2.1", 0, insecure=True, setting="web.port")


def test_an_open_address_is_refused_until_insecure_says_so() -> None:
    with pytest.raises(ConfigError, match=r"web\.insecure = true"):
        bind("0.0.0.0", 0, insecure=False, setting="web.port")
    [bound] = bind("0.0.0.0", 0, insecure=True, setting="web.port")
    bound.close()


def test_a_child_stops_when_its_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own handlers
    read_end, write_end = os.pipe()
    monkeypatch.setenv(SUPERVISOR_FD, str(read_end))
    stopped = threading.Event()
    on_stop(stopped.set)
    assert not stopped.is_set()
    os.close(write_end)
    assert stopped.wait(60)
    os.close(read_end)


@pytest.fixture
def umask() -> Iterator[None]:
    """Of this process, as it was."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(directory: Path) -> dict[str, str]:
    return {path.name: f"{path.lstat().st_mode & 0o7777:o}" for path in (directory, *directory.rglob("*"))}


def test_what_is_made_in_the_data_directory_is_not_for_others(tmp_path: Path, umask: None) -> None:
    keep_private(tmp_path / "data", "broker")
    DirectoryLock(tmp_path / "data" / "broker").release()
    assert modes(tmp_path / "data") == {"data": "750", "broker": "750", "lock": "640"}


def test_what_an_older_release_made_is_set_right(tmp_path: Path, umask: None) -> None:
    data = tmp_path / "data"
    (data / "store" / "part").mkdir(parents=True)
    (data / "store" / "part" / "file").touch()
    (data / "store" / "strict").touch(0o600)
    (data / "store" / "link").symlink_to(tmp_path)
    data.chmod(0o755)
    keep_private(data, "store")
    found = modes(data)
    del found["link"]
    assert found == {"data": "750", "store": "750", "part": "750", "file": "640", "strict": "600"}


def test_a_directory_that_holds_other_things_is_left_alone(tmp_path: Path, umask: None) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "broker").mkdir()
    keep_private(tmp_path, "broker")
    assert modes(tmp_path) == {tmp_path.name: "755", "home": "755", "broker": "750"}


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert (host_and_port("::1", 80), host_and_port("localhost", 80)) == ("[::1]:80", "localhost:80")


def test_programs_of_this_machine_find_what_listens() -> None:
    listens = ("localhost", "0.0.0.0", "::", "127.0.0.2", "::1")
    found = ["localhost:8", "localhost:8", "localhost:8", "127.0.0.2:8", "[::1]:8"]
    assert [local_url(listen, 8) for listen in listens] == [f"http://{one}" for one in found]
