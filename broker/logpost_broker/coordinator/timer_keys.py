"""Whose a timer is. What it stands for is its class: keys of two classes are two, even of one member."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupTimer:
    group_id: str


@dataclass(frozen=True, slots=True)
class MemberTimer:
    group_id: str
    member_id: str
