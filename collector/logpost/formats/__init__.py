"""Line formats: time, level and fields of a log line, from its text alone. Pure: no IO, no clock."""

from logpost.formats.line_parser import LineParser
from logpost.formats.parsed import Parsed

__all__ = ["LineParser", "Parsed"]
