"""Whichever way a process ends, what it logged last arrives; and it ends in time when there is no broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.collector.handler.programs import environment, run
from tests.collector.handler.topics import Topic

HANDLER = """
    import logging, os, signal, sys
    from logpost import LogpostHandler
    logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="ends", flush_seconds=20)], force=True)
"""


def messages(topic: Topic, count: int) -> list[str]:
    return sorted(record.message for record in topic.read(count))


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_of_multiprocessing_lose_nothing(topic: Topic, tmp_path: Path, method: str) -> None:
    """They end by os._exit; those of a pool that is terminated by SIGTERM."""
    script = f"""
        import logging, multiprocessing
        from concurrent.futures import ProcessPoolExecutor
        from logpost import LogpostHandler

        def log(text):
            logging.info(text)

        handler = LogpostHandler(service="ends", flush_seconds=20)
        logging.basicConfig(level=logging.INFO, handlers=[handler])
        if __name__ == "__main__":
            context = multiprocessing.get_context("{method}")
            child = context.Process(target=log, args=("process",))
            child.start()
            child.join()
            assert child.exitcode == 0
            with context.Pool(1) as pool:
                pool.map(log, ["pool 1", "pool 2"])
            with context.Pool(1, maxtasksperchild=1) as pool:
                pool.map(log, ["tasks 1", "tasks 2"], chunksize=1)
            with ProcessPoolExecutor(1, mp_context=context) as executor:
                list(executor.map(log, ["executor 1", "executor 2"]))
    """
    ended = run(script, topic, tmp_path / "children.py")
    assert (ended.returncode, ended.stderr) == (0, "")
    expected = ["executor 1", "executor 2", "pool 1", "pool 2", "process", "tasks 1", "tasks 2"]
    assert messages(topic, 7) == expected


END = {
    "os._exit": ("os._exit(3)", 3),
    "exec": ("os.execv('/bin/sh', ['sh', '-c', 'exit 4'])", 4),
    "exec by name": ("os.execlp('sh', 'sh', '-c', 'exit 4')", 4),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); signal.pause()", -signal.SIGTERM),
    "SIGHUP": ("os.kill(os.getpid(), signal.SIGHUP); signal.pause()", -signal.SIGHUP),
    "default action, set again": (
        "signal.signal(signal.SIGTERM, print); signal.signal(signal.SIGTERM, signal.SIG_DFL); "
        "signal.raise_signal(signal.SIGTERM)",
        -signal.SIGTERM,
    ),
    "without its handler": ("logging.getLogger().handlers.clear()", 0),
    "in a child of a thread": (
        "import threading; thread = threading.Thread(target=lambda: os.fork() or os._exit(0)); "
        "thread.start(); thread.join(); os.wait()",
        0,
    ),
}


@pytest.mark.parametrize(("end", "status"), END.values(), ids=END)
def test_what_is_logged_just_before_the_end_arrives(topic: Topic, end: str, status: int) -> None:
    ended = run(f"{HANDLER}    logging.info('last')\n    {end}\n", topic)
    assert (ended.returncode, ended.stderr) == (status, "")
    assert messages(topic, 1) == ["last"]


def test_a_daemon_and_both_its_parents_lose_nothing(topic: Topic) -> None:
    script = f"""{HANDLER}
    logging.info("first")
    if os.fork() == 0:
        logging.info("second")
        read, write = os.pipe()
        if os.fork() == 0:
            logging.info("daemon")
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
    os._exit(0)
    """
    assert run(script, topic).returncode == 0
    assert messages(topic, 3) == ["daemon", "first", "second"]


def test_what_is_logged_after_the_shutdown_of_logging_arrives(topic: Topic) -> None:
    # Runs after what `logging` registers when it is imported.
    script = "    import atexit; atexit.register(lambda: logging.info('last of all'))\n" + HANDLER
    for first in ("", "    logging.info('before')\n"):
        ended = run(script + first, topic)
        assert (ended.returncode, ended.stderr) == (0, "")
    assert messages(topic, 3) == ["before", "last of all", "last of all"]


def test_what_comes_when_the_interpreter_has_ended_is_said_to_be_lost(topic: Topic) -> None:
    script = f"""{HANDLER}
    class Closing:
        def __del__(self):
            logging.info("closing")
    closing = Closing()
    logging.info("before")
    """
    ended = run(script, topic)
    assert ended.returncode == 0
    assert ended.stderr == "logpost: a log record of root not delivered: the interpreter has ended\n"
    assert messages(topic, 1) == ["before"]


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), signal.SIGTERM); signal.pause()"])
def test_without_a_broker_the_end_waits_for_flush_seconds_only(topic: Topic, end: str) -> None:
    script = HANDLER.replace("flush_seconds=20", "flush_seconds=0.5")
    ended = run(f"{script}    logging.info('last')\n    {end}\n", topic, LOGPOST_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert ended.returncode in (0, -signal.SIGTERM)
    assert "1 log records not delivered to 127.0.0.1:1 within 0.5 s" in ended.stderr


def test_a_program_sees_no_difference_in_its_signals(topic: Topic) -> None:
    script = f"""{HANDLER}
    def own(number, frame): pass
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.signal(signal.SIGTERM, own) == signal.SIG_DFL
    assert signal.signal(signal.SIGTERM, signal.SIG_IGN) is own
    assert signal.signal(signal.SIGTERM, signal.SIG_DFL) == signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    """
    ended = run(script, topic)
    assert (ended.returncode, ended.stderr) == (0, "")


SERVER = """
import logging
import os
from contextlib import asynccontextmanager

from logpost import LogpostHandler
from starlette.applications import Starlette

logging.basicConfig(level=logging.INFO, handlers=[LogpostHandler(service="server", flush_seconds=20)])
log = logging.getLogger("app")


@asynccontextmanager
async def lifespan(app):
    log.info("startup")
    os.write(1, b"started\\n")  # whole, beside the other workers' lines
    yield
    log.info("shutdown")


app = Starlette(lifespan=lifespan)
"""


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one process", "workers"])
def test_what_a_program_of_uvicorn_logs_at_its_shutdown_arrives(
    topic: Topic, tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", "0", "--log-level", "error"]
    # A worker that takes longer than its default of 5 s to start is killed and replaced.
    command += ["--timeout-worker-healthcheck", "600"]
    count = int(options[1]) if options else 1
    with subprocess.Popen(
        [*command, *options], cwd=tmp_path, env=environment(topic), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        for _ in range(count):
            assert server.stdout.readline() == "started\n"
        os.kill(server.pid, signal.SIGTERM)
    assert Counter(messages(topic, 2 * count)) == {"startup": count, "shutdown": count}
