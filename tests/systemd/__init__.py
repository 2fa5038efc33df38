"""The units in `systemd/`."""
