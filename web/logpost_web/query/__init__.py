"""Compiles a query to SQL: its condition, and a file for each thing that is asked of the rows. It knows no store."""
