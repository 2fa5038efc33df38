"""The search language: what a query says, and whether one event matches it; the web makes SQL of the same tree."""
