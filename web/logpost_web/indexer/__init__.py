"""From topic to store, each record once: a consumer group reads, a planner decides, blocks are inserted.

- `beginning.py` compares the store with its manifest and with the topic, and says where each partition is to be read;
  `divergence.py` finds where a broker that was put back has other records.
- `indexer.py` is the thread that does all this: `source.py` consumes as a static member of a group (`topics.py` asks
  what the topics are now), `intake.py` makes a block of what came: `run.py` takes records as we write them together,
  `row.py` turns each other message into a row, `planner.py` drops what the store has. `block_writer.py` inserts the
  block, `account.py` accounts for it in the manifest. Only then offsets are committed.
- What cannot be read, `passage.py` steps over; `raw_log.py` and `batches.py` look at the log itself for where it ends.
- `placing.py` says which unit of retention a row goes to; `retaining.py` looks what is due, and `dropping.py` drops it.
  `topic_room.py` trims the topics of the box's own broker (`log_sizes.py` asks what they take).
- `upkeep.py` is called between blocks: `mending.py` finds damage while the store is open, `rebuilding.py` fills a store
  again, `moving.py` brings rows of an older layout to this one's, `deleting.py` removes what is to go for good.
"""
