"""Offsets and names of time zones, as they stand behind times: read right, or not at all.

Most abbreviations have one meaning today; some have several that lie hours apart, and are read only where the stream's
own zone has them. Pure.
"""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable
from functools import lru_cache

_MINUTES = {
    "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180,
    "MSK": 180, "SAST": 120, "WAT": 60, "CAT": 120, "EAT": 180, "IDT": 180, "TRT": 180, "PKT": 300, "NPT": 345,
    "ICT": 420, "WIB": 420, "WITA": 480, "WIT": 540, "HKT": 480, "SGT": 480, "AWST": 480, "JST": 540, "KST": 540,
    "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
    "NST": -210, "NDT": -150, "EST": -300, "EDT": -240, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
    "AKST": -540, "AKDT": -480, "HST": -600, "BRT": -180, "ART": -180, "CLT": -240, "CLST": -180, "COT": -300,
    "PET": -300,
}  # fmt: skip
_AMBIGUOUS = ("ADT", "AMT", "AST", "BST", "CDT", "CST", "ECT", "GST", "IST", "SST", "WST")
"""`CST` is Chicago's, Shanghai's and Havana's, `IST` Kolkata's, Jerusalem's and Dublin's."""
_WORDS = ("ART", "CAT", "COT", "EAT", "PET", "WAT", "WIT")
"""A zone only where no text follows."""


def _tree(names: Iterable[str]) -> str:
    """An expression of all names that compares each letter once: most lines have another word there."""
    behind: dict[str, list[str]] = {}
    for name in names:
        behind.setdefault(name[:1], []).append(name[1:])
    ends = behind.pop("", None) is not None
    branches = [first + _tree(rest) for first, rest in sorted(behind.items())]
    if not branches:
        return ""
    tree = branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
    return f"(?:{tree})?" if ends else tree


_NAMES = _tree(name for name in (*_MINUTES, *_AMBIGUOUS) if name not in (*_WORDS, "UTC", "GMT"))
_CLEAR = _tree(name for name in _MINUTES if name not in (*_WORDS, "UTC", "GMT"))
"""In brackets others are rather the name of a thread."""
NAMED = rf"(?:UTC|GMT|{_NAMES})\b"
"""A name that is seldom anything but a zone."""
_AREAS = (
    "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US"
)
_REGION = rf"(?:{_AREAS})(?:/[A-Z][\w+-]{{1,40}}){{1,2}}"
_ZONE = (
    r"[Zz]|[+\-\u2212]\d\d(?::?\d\d)?(?!\d)|[+\-\u2212]\d(?![\d.:])"
    r"| ?(?:UTC|GMT|utc|gmt)(?:[+\-\u2212]\d{1,2}(?::?\d\d)?(?![\d.]))?\b"
    r"| [+\-\u2212]\d\d:?\d\d(?!\d)"
    r"| [+\-\u2212](?:0\d|1[0-4])(?=[\s\]:]|$)"
    r"| Z(?=[\s\]:,]|$)"
    rf"| ?(?:{_NAMES})\b(?![/-])"
    rf"| (?:{'|'.join(_WORDS)})(?=\]|:| ?\[|$)"
    rf"| {_REGION}| ?\[{_REGION}\]"
    rf"| ?\[(?:UTC|GMT|{_CLEAR})\]| ?\((?:UTC|GMT|{_CLEAR})\)"
)
ZONE = rf" ?(?:(?:[AP]M|[ap]m)\b|[AaPp]\. ?[Mm]\.)(?:{_ZONE})?|{_ZONE}"
"""What names a zone behind a time, and the half of the day before it: no group, and it may begin with a blank."""
_HALF = re.compile(r" ?([AaPp])(?:[Mm]\b|\. ?[Mm]\.)")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+\-\u2212])(\d{1,2})(?::?(\d\d))?", re.ASCII)


def half_and_zone(text: str) -> tuple[str, str]:
    """A `ZONE` taken apart: `AM`, `PM` or nothing, and what names the zone."""
    half = _HALF.match(text)
    zone = (text[half.end() :] if half else text).strip(" []()")
    return f"{half[1].upper()}M" if half else "", zone.upper() if zone[:3] in ("utc", "gmt") else zone


def zone_of(text: str, local: datetime.datetime) -> datetime.tzinfo | None:
    """The zone that `text` names (of `half_and_zone`), None when it has several meanings or none. `local` is the time
    it stands behind, in the stream's own zone, whose names count first."""
    if text in ("Z", "z"):
        return datetime.UTC
    offset = _OFFSET.fullmatch(text)
    if offset is not None:
        ahead = datetime.timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return datetime.timezone(ahead if offset[1] == "+" else -ahead)
    for fold in (0, 1):  # the hour before the clock is set back has two names
        moment = local.replace(fold=fold)
        distance = moment.utcoffset()
        if distance is not None and moment.tzname() == text:
            return datetime.timezone(distance)
    minutes = _MINUTES.get(text)
    if minutes is not None:
        return datetime.timezone(datetime.timedelta(minutes=minutes))
    return _region(text) if "/" in text else None


@lru_cache(maxsize=64)
def _region(name: str) -> datetime.tzinfo | None:
    """An IANA zone, as PHP writes it; None for what is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
