"""Where lines come from: a folder for each kind of source, and in `source.py` all that the agent knows of one.

A new kind is a folder with its `source.py`, its settings in `config/tables.py`, and its place in `agent/command.py`.
"""
