"""The search store: ClickHouse, in this process (chDB) or on a server; it alone names tables and columns."""
