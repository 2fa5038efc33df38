"""What was stepped over stays told."""

from logpost_web.indexer.stepped_over import SteppedOverRecords
from logpost_web.store import stepped_over_table
from logpost_web.store.store import Store


def test_lines_that_the_store_lost_while_it_was_open_are_written_again(store: Store) -> None:
    store.command("TRUNCATE TABLE otel_logs_stepped_over")
    records = SteppedOverRecords(store)
    records.load()
    records.add(("logs", 0), "topic-id", 3, 5, "their batch is damaged")
    records.add(("logs", 1), "topic-id", 0, 1, "their batch is damaged")
    records.save()
    lines = set(stepped_over_table.read(store))
    assert {(line.partition, line.start, line.end) for line in lines} == {(0, 3, 5), (1, 0, 1)}
    store.command("TRUNCATE TABLE otel_logs_stepped_over")
    records.load()
    records.save()
    assert set(stepped_over_table.read(store)) == lines
    assert len(records.all()) == 2
    store.command("TRUNCATE TABLE otel_logs_stepped_over")
