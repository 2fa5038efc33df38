"""New settings without a restart: what differs, who asks for it, and the command `logpost reload`."""
