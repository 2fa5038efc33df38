"""What happens to a line between its source and its delivery. Pure: no IO, no clock."""
