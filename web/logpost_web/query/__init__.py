"""From the arguments of a search to SQL: one checked `Search`, and statements made of it. No HTTP, no store.

- `search.py` makes a `Search` of texts (`arguments.py`, `times.py`); the query's tree is that of `logpost.query`.
- `condition.py` compiles the tree, `attribute.py` its tests of attributes, for the columns given (`columns.py`).
- What is asked of the rows that match is a file each: `rows.py` (a page of them), `histogram.py` (how many over time).
  A pipe would be one more. `statement.py` has what they share.
- `marks.py` and `excerpt.py` find in a message what the query has found.
"""
