"""The units under a systemd that is booted, in a tree of Debian with namespaces and control groups of its own."""
