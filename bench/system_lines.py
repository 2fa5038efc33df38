"""System logs of 16 kinds, as machines, clusters, phones and desktops write them: few attributes, many numbers, long
messages that differ little."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator

from bench.lines import WORDS, Line, Made, Make, written

_FIELD = re.compile(r"(%[dxafwk])")

TEMPLATES: dict[str, tuple[str, ...]] = {
    "phone": (
        "%d %d D PowerService: took lock=%d, flags=0x1, tag=%k, ws=null, uid=%d, pid=%d, since=%d ms",
        "%d %d V WindowList: skipped token %x of activity %x, user 0, com.example.%w/.%w.MainActivity t%d",
    ),
    "httpd": (
        "[notice] child %d found in slot %d of the scoreboard, generation %d, workers=%d idle=%d",
        "[error] [client %a] directory index forbidden by rule: /srv/www/%w/%w, referer http://%w.example.com/%d",
    ),
    "supercomputer": (
        "R%d-M0-N%d-C:J%d-U11 RAS KERNEL INFO %d double word alignment exceptions, mask 0x%x, address 0x%x",
        "R%d-M1-N%d-I:J%d-U01 RAS APP FATAL ciod: could not read the header of a message, stream to %a:%d, node %d",
    ),
    "datanode": (
        "PacketReader: block blk_%d of size %d received from /%a:%d, ended after %d ms in pipeline %d of 3",
        "NameTable: block map updated: %a:%d is added to blk_%d size %d, replicas now %d, generation %d",
    ),
    "cluster": (
        "unit.hw state.unavailable %d 1 Component %k is in state unavailable (hwid=%d) on switch %d port %d",
        "boot.cmd success %d Targeting domains: node-D%d and nodes:node-[%d-%d] child of command %d",
    ),
    "mapreduce": (
        "[Dispatcher event handler] TaskAttempt: attempt_%d_%d_m_%d_0 moved from RUNNING to SUCCEEDED, container %d",
        "[RMAllocator] pending reduces %d scheduled maps %d assigned %d completed %d, headroom memory %d vcores %d",
    ),
    "health": ("Step_LSC|%d|onStepsChanged %d, detail = %d##%d##%d##%d##%d##%d, calories %d altitude %d",),
    "linux": (
        "sshd(pam_unix)[%d]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=%a user=%w",
        "kernel: audit(%f:%d): initialized, cpu %d of %d, %d MB of memory, bogus mips %f, cache %dK",
    ),
    "desktop": (
        "kernel[0]: wl%d: tcp keepalive sequence: original %d, ack %d, window size %d, wake reason %w, ticks %f",
        "com.example.scheduler[%d]: thermal pressure state: %d memory pressure state: %d, activity %k deferred %d s",
    ),
    "sshd": (
        "pam_unix(sshd:auth): check of %w failed: logname= uid=0 euid=0 tty=ssh rhost=%a port %d attempt %d of 6",
        "Received disconnect from %a port %d: 11: bye bye [preauth], session %x lasted %d s, cipher %w",
    ),
    "compute": (
        '[req-%x-%x %x - - -] %a "GET /v2/%x/servers/detail HTTP/1.1" status: 200 len: %d time: %f',
        "[instance: %x-%x] image %x at /var/lib/instances/_base/%x: in use: on this node %d local, %d on others",
    ),
    "proxy": (
        "browser.exe - cdn%d.example.com:%d close, %d bytes sent, %d bytes received, lifetime %d s, through %a:%d",
    ),
    "spark": (
        "executor.Executor: finished task %d.0 in stage %d.0 (TID %d). %d bytes of result sent to driver after %d ms",
        "storage.MemoryStore: block rdd_%d_%d stored as values in memory (estimated size %d B, free %d B) on %a:%d",
    ),
    "grid": (
        "crond(pam_unix)[%d]: session opened for user %w by (uid=%d) on node dn%d.example.net, job %k number %d",
        "data collector: only %d of %d datapoints of host an%d were collected in %d s, last at %f, source %k",
    ),
    "windows": (
        "CBS    Session: %d_%d initialized by client %k, package KB%d~31bf3856ad364e35~amd64~~6.1.%d.%d, state %d",
        "CSI    %x Created transaction UoW %d for hive %k at %x, flags 0x%x, size %d, elapsed %d",
    ),
    "ensemble": (
        "[SendWorker:%d:QuorumPeer@%d] - connection broken for id %d, my id = %d, error = channel closed by /%a:%d",
        "[NIOServerCxn:0.0.0.0/0.0.0.0:2181] - session 0x%x established, timeout %d for client /%a:%d, zxid 0x%x",
    ),
}
LEVELS = ("info",) * 85 + ("warn",) * 10 + ("error",) * 4 + ("fatal",)


def systems(count: int, *, start_ns: int, step_ns: int, seed: int = 1, with_old: bool = True) -> Iterator[Line]:
    """`count` lines, `step_ns` apart on average. `with_old`: one in 5,000 is up to a day older."""
    kinds = [(service, _make(templates)) for service, templates in TEMPLATES.items()]
    return written(kinds, count, start_ns=start_ns, step_ns=step_ns, seed=seed, with_old=with_old)


def _make(templates: tuple[str, ...]) -> Make:
    parted = [_FIELD.split(template) for template in templates]

    def make(chance: random.Random) -> Made:
        pieces = chance.choice(parted)
        message = "".join(_FILL[piece](chance) if piece in _FILL else piece for piece in pieces)
        return chance.choice(LEVELS), message, {"pid": chance.randrange(60_000)}, ""

    return make


def _address(chance: random.Random) -> str:
    return f"10.{chance.randrange(4)}.{chance.randrange(256)}.{chance.randrange(256)}"


_FILL: dict[str, Callable[[random.Random], str]] = {
    "%d": lambda chance: str(chance.randrange(10 ** chance.randrange(1, 7))),
    "%x": lambda chance: f"{chance.getrandbits(48):012x}",
    "%a": _address,
    "%f": lambda chance: f"{chance.random() * 10_000:.3f}",
    "%w": lambda chance: chance.choice(WORDS),
    "%k": lambda chance: f'"{chance.choice(WORDS)} {chance.choice(WORDS)} {chance.randrange(100)}"',
}
