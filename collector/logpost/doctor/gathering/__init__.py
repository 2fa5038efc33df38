"""Where the facts of the checks come from: the files, processes and sockets of this host, the broker, the web."""
