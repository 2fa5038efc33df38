"""What happens to a line between its source and its delivery, a file for each step. Pure: no IO, no clock."""
