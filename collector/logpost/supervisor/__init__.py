"""`logpost up`: starts broker, web and agent as child processes, restarts those that end, and drains them."""
