"""`logpost up`: broker, web and agent as child processes that are started in order, restarted and drained."""
