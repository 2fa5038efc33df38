"""Failures that end a command. Each carries the one line its user needs and the exit status."""

from __future__ import annotations


class LogpostError(Exception):
    """Something the user can mend. The text is one line that names the thing and says what to do."""

    exit_status = 1


class ConfigError(LogpostError):
    """A configuration file, environment variable or command line that cannot be used."""

    exit_status = 2


class StartError(LogpostError):
    """A part that cannot start: a port taken, a directory not writable, a data directory in use."""


class InUseError(StartError):
    """A directory that another process holds."""
