"""The search language: text → syntax tree → SQL. Pure: nothing here opens a store or reads a clock."""
