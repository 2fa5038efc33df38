"""A tree of Debian whose own systemd is booted as the first process of a machine: with namespaces and control groups of
its own, a network that is loopback alone, and changes that outlive a reboot."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bundle.places import BUILD
from bundle.steps import BuildError, run

BOOT = Path(__file__).with_name("boot.sh")
PROGRAMS = ("systemd", "systemd-sysv", "dbus", "netbase", "procps")
"""Besides a minimal Debian."""
HOSTS = "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 machine\n"
NAMESPACES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
BOOT_SECONDS = 120.0
PAUSE_SECONDS = 0.1


def bootable(suite: str) -> Path:
    """A Debian that can be booted, made once. Raises BuildError."""
    tree = BUILD / "trials" / f"{suite}-bootable"
    if not (tree / "made").exists():
        if shutil.which("debootstrap") is None:
            raise BuildError("trials need debootstrap: apt install debootstrap")
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        include = f"--include={','.join(PROGRAMS)}"
        run(["debootstrap", "--variant=minbase", include, suite, tree], cwd=BUILD, log="debootstrap-bootable.log")
        (tree / "etc/hosts").write_text(HOSTS)
        (tree / "etc/hostname").write_text("machine\n")
        (tree / "etc/dpkg/dpkg.cfg.d/trial").write_text("force-unsafe-io\n")
        (tree / "etc/machine-id").write_text("")  # each machine makes its own, and its boot is not the first
        (tree / "made").touch()
    return tree


class Machine:
    """Layers of a file system, the lowest last, with a directory for what this machine changes on top."""

    def __init__(self, directory: Path, layers: Sequence[Path]) -> None:
        self.changes = directory / "changes"
        self._layers = ":".join(map(str, layers))
        self._root, self._work = directory / "root", directory / "work"
        for made in (self.changes, self._root, self._work):
            made.mkdir(parents=True)
        self._group = f"logpost-trial-{os.getpid()}-{directory.name}"
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Returns when systemd has started what is enabled, or has failed to."""
        command: list[str | Path] = [BOOT, self._group, self._root, self._layers, self.changes, self._work]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            with contextlib.suppress(IndexError, FileNotFoundError):
                state = self.run("systemctl is-system-running --wait 2>/dev/null", status=None).strip()
                if state in ("running", "degraded"):
                    return
            assert time.monotonic() < deadline, "systemd does not boot"
            assert self._process.poll() is None, "systemd has ended"
            time.sleep(PAUSE_SECONDS)

    @property
    def first_process(self) -> int:
        """Its number outside."""
        assert self._process is not None
        number = self._process.pid
        return int(Path(f"/proc/{number}/task/{number}/children").read_text().split()[0])

    def run(self, script: str, *, status: int | None = 0, timeout: float = 300) -> str:
        """What a shell script prints, run as root inside, with nothing on its standard input."""
        done = subprocess.run(
            ["nsenter", f"--target={self.first_process}", *NAMESPACES, "--root", "--wd", "sh", "-e", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        )
        assert status is None or done.returncode == status, f"{script}\n{done.returncode}: {done.stdout}"
        return done.stdout

    def file(self, path: str) -> Path:
        """Of a machine that is up."""
        return Path(f"/proc/{self.first_process}/root") / path.lstrip("/")

    def shut_down(self, timeout: float = 300) -> float:
        """In order, as before a reboot. Returns how many seconds it took."""
        began = time.monotonic()
        self.run("systemctl poweroff --no-block")
        assert self._process is not None
        self._process.wait(timeout)
        return time.monotonic() - began

    def cut_power(self) -> None:
        """All of its processes are killed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def remove(self) -> None:
        self.cut_power()
        for hierarchy in (CONTROL_GROUPS, *CONTROL_GROUPS.iterdir()):
            for group, _, _ in os.walk(hierarchy / self._group, topdown=False):
                _remove_group(Path(group))


def _remove_group(group: Path) -> None:
    """Its processes were killed, and may not have ended yet."""
    deadline = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            return group.rmdir()
        except OSError:
            assert time.monotonic() < deadline, f"{group} has processes"
            time.sleep(PAUSE_SECONDS)


def installed(package: Path, suite: str) -> list[Path]:
    """Layers of a Debian with the package in it, enabled for the next boot; made once for each package. Raises
    BuildError."""
    below = bootable(suite)
    name = package.name.partition("_")[0]
    layer = below.with_name(f"{suite}-{name}")
    made, stamp = layer.with_suffix(".made"), f"{package.stat().st_mtime_ns}"
    if not made.exists() or made.read_text() != stamp:
        root, work = layer.with_suffix(".root"), layer.with_suffix(".work")
        for directory in (layer, root, work):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
        script = (
            f"mount -t overlay -o lowerdir={below},upperdir={layer},workdir={work} overlay {root}\n"
            f"mount -t proc proc {root}/proc; mount --bind {package.parent} {root}/mnt\n"
            f"chroot {root} dpkg --install /mnt/{package.name}"
        )
        isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        run([*isolated, "sh", "-e", "-c", script], cwd=BUILD, log=f"install-{name}.log")
        made.write_text(stamp)
    return [layer, below]
