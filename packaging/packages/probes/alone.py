"""`pip install logpost`: the handler, the agent's commands, and what the others answer."""

import logging
import subprocess

from logpost import LogpostHandler


def said(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(["logpost", *arguments], capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


handler = LogpostHandler(service="probe")
logging.getLogger().addHandler(handler)
logging.warning("nobody is there to take this")
logging.getLogger().removeHandler(handler)

assert said("config", "check") == (0, "the configuration is good\n")
assert said("--version")[0] == 0
assert "nothing to read" in said("agent")[1]
assert said("broker")[1].endswith(": pip install 'logpost[broker]'\n"), said("broker")
assert said("web")[1].endswith(": pip install 'logpost[server]'\n"), said("web")
assert said("up")[1].endswith(": pip install 'logpost[server]'\n"), said("up")
