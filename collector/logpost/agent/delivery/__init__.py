"""From an event to the broker's acknowledgement."""
