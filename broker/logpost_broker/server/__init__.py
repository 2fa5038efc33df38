"""The shell: sockets, threads and clocks around the broker's core."""
