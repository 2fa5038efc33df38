"""docs/protocol.md tells the versions that the broker announces."""

from logpost_broker.api import SERVED
from logpost_broker.api.api_versions import FEATURES, announced
from tests.support.protocol_table import KAFKA, NOTES, PAGE, with_table


def test_the_table_is_that_of_the_registry() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "stale: python -m tests.support.protocol_table"


def test_every_api_of_kafka_is_served_at_every_version_it_has() -> None:
    served = {key: announced(api) for key, api in SERVED.items()}
    lacking = [
        name
        for key, (name, low, high) in KAFKA.items()
        if key not in served or served[key][0] != low or served[key][1] < high
    ]
    assert lacking == []


def test_notes_are_on_apis_that_are_there() -> None:
    assert NOTES.keys() <= SERVED.keys()


def test_every_feature_is_told_with_its_level() -> None:
    page = PAGE.read_text()
    assert [name for name, level in FEATURES.items() if f"`{name}` {level}" not in page] == []
