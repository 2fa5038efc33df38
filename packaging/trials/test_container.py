"""What the container file says, done in a tree of its base: any user, a root that is read only, a health check."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from bundle.places import DIST, PACKAGING, version
from trials.conftest import NewHost

CONTAINERFILE = (PACKAGING / "container/Containerfile").read_text().replace("\\\n", " ")
ARCHIVE = DIST / f"logpost-{version()}-linux-amd64.tar.gz"


def instruction(name: str) -> str:
    """The last of this name."""
    found: str = re.findall(rf"^{name} +(.*)$", CONTAINERFILE, flags=re.MULTILINE)[-1]
    return found


@pytest.mark.parametrize(("user", "group"), [("10001", "0"), ("12345", "0")])
@pytest.mark.parametrize("has_tmp", [True, False], ids=["with /tmp", "without /tmp"])
def test_it_runs_as_any_user_of_group_0_on_a_root_that_is_read_only(
    user: str, group: str, *, has_tmp: bool, host: NewHost
) -> None:
    if not ARCHIVE.exists():
        pytest.skip("make package first")
    one = host(booted=False)
    shutil.copy(ARCHIVE, one.file("/packages"))
    settings = instruction("ENV")
    check = " ".join(json.loads(instruction("HEALTHCHECK").partition("CMD ")[2]))
    command = " ".join(json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD")))
    said = one.run(
        f"""export VERSION={version()}
        tar -xzf /packages/{ARCHIVE.name} -C /opt; rm -r /packages; {instruction("RUN")}
        mount --bind / /mnt; mount -o remount,bind,ro /mnt; mount --rbind /proc /mnt/proc; mount --rbind /sys /mnt/sys
        mount --bind /var/lib/logpost /mnt{instruction("VOLUME")}; {"mount -t tmpfs tmpfs /mnt/tmp" if has_tmp else ":"}
        cat >/run/start <<'END'
        exec env -i PATH=/usr/bin:/bin {settings} {command}
END
        as() {{ exec chroot --userspec={user}:{group} --groups= /mnt "$@"; }}
        as sh -c "$(cat /run/start)" >/run/said 2>&1 & part=$!
        touch /mnt/x 2>/dev/null && exit 9
        until (as env -i {settings} {check}) >/dev/null 2>&1; do kill -0 $part || break; sleep 0.5; done
        (as env -i {settings} {check}) && echo healthy
        kill $part; wait $part; echo ended $?; cat /run/said""",
        timeout=600,
    )
    assert said.splitlines()[:2] == ["healthy", "ended 0"], said
