"""Ids that Kafka's tools can be given."""

from __future__ import annotations

from logpost_broker.metadata.ids import new_id, written


def test_no_id_looks_like_an_option() -> None:
    ids = {written(new_id()) for _ in range(2_000)}
    assert len(ids) == 2_000
    assert {len(one) for one in ids} == {22}
    assert not [one for one in ids if one.startswith("-")]
