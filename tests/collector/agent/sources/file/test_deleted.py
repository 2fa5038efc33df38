"""Other settings for files that are read: each goes on where it stood, and one that was deleted meanwhile is read to
its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logpost.agent.sources.file.deleted import DeletedFiles
from tests.collector.agent.harness import Host, lines_of


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.close()


def write(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def drain(rest: DeletedFiles, host: Host, seconds: float) -> None:
    for _ in range(int(seconds / 0.25)):
        host.now += 0.25
        rest.look(host.now, host.now_ns)
        rest.turn(host.now, host.now_ns)


def test_files_go_on_where_they_stood_and_new_ones_begin(host: Host, tmp_path: Path) -> None:
    write(tmp_path / "a.log", "one")
    host.read()
    rest = host.reload(f"{tmp_path}/*.log", f"{tmp_path}/*.txt")
    write(tmp_path / "a.log", "two")
    write(tmp_path / "b.txt", "three")
    host.read()
    assert [record.message for record in host.topic.records] == ["one", "two", "three"]
    assert rest.is_done


def test_what_was_not_acknowledged_is_sent_again_under_the_same_ranges(host: Host, tmp_path: Path) -> None:
    write(tmp_path / "a.log", "one", "two")
    host.topic.acknowledges_at_once = False
    host.read()
    rest = host.reload(f"{tmp_path}/a.*")
    host.read()
    assert len(host.topic.records) == 4
    assert lines_of(host.topic.records) == {"one": 1, "two": 1}
    assert rest.is_done
    host.topic.acknowledge()
    host.save()
    host.crash()
    host.read()
    assert len(host.topic.records) == 4


def test_a_file_that_is_configured_no_more_goes_on_when_it_is_again(host: Host, tmp_path: Path) -> None:
    write(tmp_path / "a.log", "one")
    write(tmp_path / "b.log", "two")
    host.read()
    host.reload(f"{tmp_path}/b.log")
    write(tmp_path / "a.log", "three")
    host.read()
    host.reload(f"{tmp_path}/*.log")
    host.read()
    assert lines_of(host.topic.records) == {"one": 1, "two": 1, "three": 1}
    assert len(host.topic.records) == 3


def test_a_deleted_file_is_read_to_its_end_with_the_old_settings(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write(log, "one")
    host.read()
    write(log, "two")
    log.unlink()
    rest = host.reload(f"{tmp_path}/*.log")
    host.read()
    assert not rest.is_done
    drain(rest, host, 1)
    assert lines_of(host.topic.records) == {"one": 1, "two": 1}
    write(log, "of another file")
    host.read()
    drain(rest, host, 15)
    assert rest.is_done
    assert lines_of(host.topic.records) == {"one": 1, "two": 1, "of another file": 1}


def test_a_deleted_file_that_was_not_acknowledged_is_waited_for(host: Host, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write(log, "one")
    host.topic.acknowledges_at_once = False
    host.read()
    log.unlink()
    rest = host.reload(f"{tmp_path}/*.log")
    drain(rest, host, 15)
    assert not rest.is_done
    host.topic.acknowledge()
    drain(rest, host, 15)
    assert rest.is_done
    rest.close()
