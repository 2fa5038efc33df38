"""Install, upgrade, remove, purge and install again: what dpkg says, what is left, and what runs."""

from __future__ import annotations

import stat

import pytest

from packages.recipe import AGENT, BOX, CONFIGURATION, PACKAGES, Package
from trials.conftest import NEW, NEWER, OLD, Made, NewHost
from trials.hosts import Host, directories_left

EDITED = "# edited\n[kafka]\nbootstrap_servers = 'box:9092'\n"


@pytest.fixture(params=PACKAGES.values(), ids=list(PACKAGES))
def package(request: pytest.FixtureRequest) -> Package:
    found: Package = request.param
    return found


def edit(host: Host) -> None:
    host.file(CONFIGURATION).write_text(EDITED)
    host.run(f"chmod 604 {CONFIGURATION}; chown games:games {CONFIGURATION}")


def as_edited(host: Host) -> bool:
    file = host.file(CONFIGURATION)
    found = file.stat()
    return (file.read_text(), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (EDITED, 0o604, 5, 60)


def test_without_systemd_all_is_done_but_the_start(package: Package, made: Made, host: NewHost) -> None:
    """An image that is built, a chroot, a container."""
    image = host(booted=False)
    image.install(made(package, OLD))
    assert image.is_enabled(package.unit)
    assert image.run("logpost --version") == f"{package.name} {OLD}\n"
    image.install(made(package, NEW))
    assert image.run("logpost --version") == f"{package.name} {NEW}\n"
    image.run(f"dpkg --remove {package.name}")
    image.run(f"dpkg --purge {package.name}")
    assert not image.is_enabled(package.unit)


def test_a_policy_that_forbids_starts_is_obeyed(package: Package, made: Made, host: NewHost) -> None:
    image = host(booted=True)
    image.file("/usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    image.file("/usr/sbin/policy-rc.d").chmod(0o755)
    image.install(made(package, OLD))
    image.install(made(package, NEW))
    assert image.active() == {}
    assert image.is_enabled(package.unit)


def test_settings_stay_as_the_administrator_left_them(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    edit(one)
    for version in (NEW, NEWER):
        one.install(made(package, version))
        assert as_edited(one)
    one.run(f"dpkg --remove {package.name}")
    one.install(made(package, NEWER))
    assert as_edited(one)


def test_a_drop_in_stays_and_is_in_force(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    drop_in = one.file(f"/etc/systemd/system/{package.unit}.d/override.conf")
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nMemoryMax=1G\n")
    one.calls()
    one.install(made(package, NEW))
    assert drop_in.read_text() == "[Service]\nMemoryMax=1G\n"
    assert one.calls()[0] == "daemon-reload"


def test_settings_are_read_by_the_services_and_nobody_else(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    for version in (OLD, NEW):
        one.install(made(package, version))
        for user in package.users:
            one.run(f"runuser -u {user} -- logpost config check")
        assert "Permission denied" in one.run(f"runuser -u nobody -- cat {CONFIGURATION}", status=1)


def test_what_runs_is_restarted_once_with_the_new_version(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    before = one.active()[package.unit]
    one.calls()
    one.install(made(package, NEW))
    assert one.calls() == ["daemon-reload", f"try-restart {package.unit}"]
    assert one.active().keys() == {package.unit}
    assert one.active()[package.unit] != before
    assert not one.file(before).exists()


@pytest.mark.parametrize("state", ["stopped", "disabled", "masked"])
def test_what_does_not_run_stays_so(state: str, package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    unit = package.unit
    one.run(f"systemctl stop {unit}")
    if state == "disabled":
        one.run(f"systemctl disable {unit}")
    elif state == "masked":
        one.run(f"systemctl mask {unit}")
    enabled = one.is_enabled(unit)
    for version in (NEW, NEWER):
        one.install(made(package, version))
        assert one.active() == {}
        assert one.is_enabled(unit) == enabled


def test_what_the_administrator_disabled_stays_so_when_it_is_installed_again(made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(AGENT, OLD))
    one.run(f"systemctl disable --now {AGENT.unit}")
    one.install(made(AGENT, NEW))
    one.run(f"dpkg --remove {AGENT.name}")
    one.install(made(AGENT, NEW))
    assert one.active() == {}


def test_it_runs_again_when_it_is_installed_again(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    one.run(f"dpkg --remove {package.name}")
    assert one.active() == {}
    one.install(made(package, OLD))
    assert one.active().keys() == {package.unit}


def test_a_service_that_does_not_start_fails_no_package(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.file("/run/stub/broken").touch()
    said = one.install(made(package, OLD))
    assert said.count(f"{package.unit} does not start") == 1
    one.run(f"rm /run/stub/broken; systemctl start {package.unit}; touch /run/stub/broken")
    assert one.install(made(package, NEW)).count(f"{package.unit} does not start") == 1
    assert one.run("dpkg --audit") == ""


def test_unpacked_over_what_runs_both_versions_are_whole(package: Package, made: Made, host: NewHost) -> None:
    """What runs reads files of its own version that it has not read before."""
    one = host(booted=False)
    one.install(made(package, OLD))
    new = made(package, NEW)
    one.file(f"/packages/{new.name}").write_bytes(new.read_bytes())
    said = one.run(
        "logpost wait & "
        f"dpkg --unpack /packages/{new.name} >/dev/null; "
        "echo now $(logpost --version); touch /run/asked; wait; "
        "dpkg --configure -a >/dev/null; echo now $(logpost --version); ls /usr/lib/logpost/live | wc -l"
    )
    old = f"{package.name} {OLD}"
    assert said.splitlines() == [f"now {old}", old, f"now {package.name} {NEW}", "1"]


def test_a_version_that_still_runs_keeps_its_files(package: Package, made: Made, host: NewHost) -> None:
    """Started by hand, and so not restarted by the upgrade."""
    one = host(booted=False)
    one.install(made(package, OLD))
    new = made(package, NEW)
    one.file(f"/packages/{new.name}").write_bytes(new.read_bytes())
    said = one.run(
        "cp /bin/sleep $(readlink -f /usr/lib/logpost/current)/bin/program; "
        "$(readlink -f /usr/lib/logpost/current)/bin/program 60 & "
        f"dpkg --install /packages/{new.name} >/dev/null; ls /usr/lib/logpost/live | wc -l"
    )
    assert said == "2\n"
    one.install(made(package, NEWER))
    assert one.run("ls /usr/lib/logpost/live | wc -l") == "1\n"


def test_users_that_exist_stay_as_they_are(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    users = " ".join(package.users)
    one.run(
        f"id=700; for user in {users}; do groupadd -g $id $user; "
        "useradd -u $id -g $id -d /srv/$user -s /bin/sh $user; id=$((id + 1)); done"
    )
    show = f"getent passwd {users}; getent group {users}"
    before = one.run(show)
    old, new = (made(package, version) for version in (OLD, NEW))
    for path in (old, new):
        one.file(f"/packages/{path.name}").write_bytes(path.read_bytes())
    one.run(
        f"for user in {users}; do runuser -u $user -- sleep 100 & done; dpkg -i /packages/{old.name}; "
        f"dpkg -i /packages/{new.name}; dpkg --remove {package.name}; dpkg --purge {package.name}"
    )
    after = one.run(show)
    assert [line.split(":")[:3] for line in after.splitlines()] == [line.split(":")[:3] for line in before.splitlines()]
    assert [line for line in after.splitlines() if "/srv/" in line] == [
        line for line in before.splitlines() if "/srv/" in line
    ]


def test_remove_keeps_data_and_purge_says_what_stays(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    before = set(one.run("find / -xdev -not -path '/proc/*' -not -path '/packages*' -not -path '/run/*'").splitlines())
    one.install(made(package, OLD))
    one.install(made(package, NEW))
    one.run(f"for each in {' '.join(package.data)}; do mkdir -p $each/deep; echo 1 >$each/deep/file; done")
    removed = one.run(f"dpkg --remove {package.name}")
    assert directories_left(removed) == []
    assert one.file(package.data[0] + "/deep/file").exists()
    assert one.file(CONFIGURATION).exists()
    purged = one.run(f"dpkg --purge {package.name}")
    assert directories_left(purged) == []
    assert f"users and groups ({' '.join(package.users)}) stay" in purged
    one.run(f"getent passwd {' '.join(package.users)}; getent group {' '.join(package.users)}")
    left = set(one.run("find / -xdev -not -path '/proc/*' -not -path '/packages*' -not -path '/run/*'").splitlines())
    assert sorted(path for path in left - before if not path.startswith(("/etc/", "/var/log/", "/var/cache/"))) == []
    assert sorted(path for path in left - before if "logpost" in path) == []


def test_links_in_the_data_directory_lead_no_script_astray(package: Package, made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(package, OLD))
    data, user = package.data[0], package.users[0]
    one.run(
        f"install -d -o {user} {data}; ln -s /etc/shadow {data}/symbolic; ln /etc/shadow {data}/hard; "
        f"ln -s /etc {data}/directory"
    )
    shadow = "stat -c '%a %u %g' /etc/shadow; ls /etc | wc -l"
    before = one.run(shadow)
    one.install(made(package, NEW))
    one.run(f"dpkg --remove {package.name}")
    one.run(f"dpkg --purge {package.name}")
    assert one.run("stat -c '%a %u %g' /etc/shadow") == before.splitlines()[0] + "\n"
    assert one.run("cat /etc/passwd | wc -l").strip() != "0"


def test_the_box_takes_over_what_the_agent_has(made: Made, host: NewHost) -> None:
    one = host(booted=True)
    one.install(made(AGENT, OLD))
    edit(one)
    positions = "/var/lib/logpost/agent/positions.json"
    one.run(f"install -d -o logpost-agent -g logpost-agent /var/lib/logpost/agent; echo {{}} >{positions}")
    one.install(made(BOX, OLD))
    assert one.active().keys() == {BOX.unit}
    assert one.run("logpost --version") == f"{BOX.name} {OLD}\n"
    said = one.run(f"dpkg --purge {AGENT.name}", status=None)
    assert one.file(positions).read_text() == "{}\n", said
    assert as_edited(one)
    assert one.active().keys() == {BOX.unit}
    assert one.is_enabled(BOX.unit)
    assert one.run("logpost --version") == f"{BOX.name} {OLD}\n"
    assert one.run("dpkg --audit") == ""
    one.run("getent passwd logpost-agent logpost")


def test_the_agent_takes_the_place_of_the_box(made: Made, host: NewHost) -> None:
    """A box that moved elsewhere: this host goes on as an agent, once the box is removed."""
    one = host(booted=True)
    one.install(made(BOX, OLD))
    edit(one)
    one.run(f"dpkg --remove {BOX.name}")
    one.install(made(AGENT, OLD))
    assert one.active().keys() == {AGENT.unit}
    assert as_edited(one)
