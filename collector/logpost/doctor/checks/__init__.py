"""What is judged of the facts, a file for each check with the facts that it needs. Pure: no file, no socket, no
clock."""
