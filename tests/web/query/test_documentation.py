"""Every example of docs/search.md finds the lines that the page says."""

from __future__ import annotations

import json
import re

import pytest

from logpost.query.fields import RECORD_FIELDS
from logpost_web.store.store import Store
from tests.web.query.conftest import Find, insert


def rows_of(documentation: str) -> list[list[str]]:
    """The cells of every table row; `\\|` is a bar inside a cell."""
    lines = [line for line in documentation.splitlines() if line.startswith("|")]
    return [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


@pytest.fixture(scope="module")
def documented(store: Store, documentation: str) -> list[tuple[str, list[int]]]:
    """The sample lines are in the store; the examples: (query, lines)."""
    rows = rows_of(documentation)
    samples = [row for row in rows if len(row) == 6 and row[0].isdigit()]
    assert len(samples) == 7
    insert(
        store,
        *(
            {
                "SeverityText": level,
                "ServiceName": service,
                "HostName": host,
                "Body": message.strip("`"),
                "LogAttributes": json.loads(attributes.strip("`")),
            }
            for _, level, service, host, message, attributes in samples
        ),
    )
    return [(row[0].strip("`"), [int(line) for line in row[1].split()]) for row in rows if row[0].startswith("`")]


def test_the_examples(documented: list[tuple[str, list[int]]], find: Find) -> None:
    assert len(documented) > 30
    assert {query: find(query) for query, _ in documented} == dict(documented)


def test_every_field_is_named(documentation: str) -> None:
    assert f"Fields of the record: {', '.join(f'`{name}`' for name in RECORD_FIELDS)}." in documentation
