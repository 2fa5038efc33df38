"""Log files: found by their names, read, and followed through rotation, also into compressed copies.

- `source.py` knows when to look, and `watch.py` hears of file events; `tailer.py` looks at names, and `meeting.py`
  tells new files from known ones.
- `reading.py` knows which files are read and whose turn it is; `reader.py` reads a chunk of one; `lines.py` cuts it
  into lines with the bytes that each stands for.
- What was rotated is found: at the start by `missed.py` and `moved.py` (`gone.py` says what was not), later by
  `beside.py` and `rotated.py`; `unseen.py` finds what was begun and rotated between two looks (`lost.py` knows whose
  copy it may be). It is read on by `taking_up.py`, or out of a compressed copy by `packed_files.py`.
- `books.py` has what all of these know together.
"""
