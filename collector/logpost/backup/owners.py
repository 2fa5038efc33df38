"""Whose the files of a backup are to be: on another host the same user may have another number."""

from __future__ import annotations

import contextlib
import grp
import pwd
from collections.abc import Callable, Iterable
from pathlib import Path

from logpost.backup.listing import Entry, Listing


def user_names(numbers: Iterable[int]) -> dict[int, str]:
    """Those that have names."""
    found = {}
    for number in numbers:
        with contextlib.suppress(KeyError):
            found[number] = pwd.getpwuid(number).pw_name
    return found


def group_names(numbers: Iterable[int]) -> dict[int, str]:
    """Those that have names."""
    found = {}
    for number in numbers:
        with contextlib.suppress(KeyError):
            found[number] = grp.getgrgid(number).gr_name
    return found


def of(data: Path, listing: Listing) -> Callable[[Entry], tuple[int, int]]:
    """Numbers of user and group for each entry: the data directory's, where somebody has made one that is not root's;
    else those that have the same names here, else the same numbers."""
    if data.exists() and (found := data.stat()).st_uid != 0:
        owner = (found.st_uid, found.st_gid)
        return lambda _: owner
    users, groups = dict[int, int](), dict[int, int]()
    for number, name in listing.users.items():
        with contextlib.suppress(KeyError):
            users[number] = pwd.getpwnam(name).pw_uid
    for number, name in listing.groups.items():
        with contextlib.suppress(KeyError):
            groups[number] = grp.getgrnam(name).gr_gid
    return lambda entry: (users.get(entry.user, entry.user), groups.get(entry.group, entry.group))
