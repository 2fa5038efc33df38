"""From topic to store, each record once: a consumer group reads, a planner decides, blocks are inserted."""
