"""The search language: what a query says, and whether one event matches it; the web makes SQL of the same tree.

- `syntax.py` reads a text by `grammar.lark`, and makes the tree of `ast.py`. `fields.py` has the fields that it can
  name.
- What things mean, for the store and for one event alike: `words.py`, `phrase.py`, `expression.py`, `comparison.py`,
  `numbers.py`.
- `filters/` asks one event. The rest gives hints: what was perhaps meant.
"""
