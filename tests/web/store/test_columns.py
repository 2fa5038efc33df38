"""Every field of the record has its column."""

from __future__ import annotations

from logpost.query.fields import RECORD_FIELDS
from logpost_web.store.columns import LOGS
from logpost_web.store.schema import CREATE_TABLE


def test_every_field_of_the_record_has_a_column() -> None:
    assert list(LOGS.fields) == list(RECORD_FIELDS)
    assert [column for column in LOGS.fields.values() if f"\n    {column} " not in CREATE_TABLE] == []
