"""From a line to the broker's acknowledgement: its record, the producer, and the positions that are saved."""
