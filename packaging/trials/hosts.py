"""A tree of Debian to install packages in, and what stands for systemd there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bundle.places import BUILD
from bundle.steps import BuildError, run

BASES = BUILD / "trials"
SYSTEMCTL = Path(__file__).with_name("systemctl").read_bytes()
"""Read once: an edit while trials run changes none of them."""
ISOLATED = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc")


def base(suite: str) -> Path:
    """A minimal Debian, made once. Raises BuildError."""
    tree = BASES / suite
    if not (tree / "made").exists():
        if shutil.which("debootstrap") is None:
            raise BuildError("trials need debootstrap: apt install debootstrap rpm")
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        run(["debootstrap", "--variant=minbase", suite, tree], cwd=BASES, log="debootstrap.log")
        (tree / "made").touch()
    return tree


class Host:
    """A copy of a base. `booted`: with a stub of systemctl that remembers in `/run/stub` what runs; else with none."""

    def __init__(self, tree: Path, suite: str, *, booted: bool) -> None:
        self.tree = tree
        subprocess.run(["cp", "-a", "--reflink=auto", base(suite), tree], check=True)
        (tree / "packages").mkdir()
        (tree / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        (tree / "etc/dpkg/dpkg.cfg.d/trial").write_text("force-unsafe-io\n")
        if booted:
            (tree / "usr/bin/systemctl").write_bytes(SYSTEMCTL)
            (tree / "usr/bin/systemctl").chmod(0o755)
            for directory in ("run/systemd/system", "run/stub/active"):
                (tree / directory).mkdir(parents=True)

    def run(self, script: str, *, status: int | None = 0, timeout: float = 300) -> str:
        """What a shell script prints, run as root in the tree, with nothing on its standard input."""
        mounts = f"mount -t proc proc {self.tree}/proc && mount --rbind /sys {self.tree}/sys"
        inside = f"ip link set lo up && {mounts} && exec chroot {self.tree} sh -e"
        done = subprocess.run(
            [*ISOLATED, "sh", "-c", f'{inside} -c "$1"', "sh", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
        )
        assert status is None or done.returncode == status, f"{script}\n{done.stdout}"
        return done.stdout

    def install(self, package: Path, options: str = "--install") -> str:
        shutil.copy(package, self.tree / "packages" / package.name)
        return self.run(f"dpkg {options} /packages/{package.name} </dev/null")

    def file(self, path: str) -> Path:
        return self.tree / path.lstrip("/")

    def calls(self) -> list[str]:
        """What systemctl was asked to change, since the last time."""
        log = self.file("/run/stub/calls")
        found = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return found

    def active(self) -> dict[str, str]:
        """Unit → the tree that it was started from."""
        return {path.name: path.read_text().strip() for path in self.file("/run/stub/active").iterdir()}

    def is_enabled(self, unit: str) -> bool:
        return self.file(f"/etc/systemd/system/multi-user.target.wants/{unit}").is_symlink()


def directories_left(said: str) -> list[str]:
    """Directories that dpkg says it could not remove. Where `/lib` is a link and all others own the units' directory by
    that path (Debian 11, Ubuntu 20.04), it says so of that."""
    found = re.findall(r"directory '(.*)' not empty", said)
    return [path for path in found if path not in ("/usr/lib/systemd/system", "/usr/lib/systemd")]
