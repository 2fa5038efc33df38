"""Where lines come from: a folder for each kind of source, and in `source.py` all that the agent knows of one."""
