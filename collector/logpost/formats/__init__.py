"""Line formats: time, level and fields of a line, from its text alone; a file for each family. Pure."""

from logpost.formats.line_parser import LineParser
from logpost.formats.parsed import Parsed

__all__ = ["LineParser", "Parsed"]
