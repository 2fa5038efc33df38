"""Whether one event matches a query, without a store; a file for each kind of field."""
