"""Bytes to requests and answers to bytes: frames, headers, kio's entities, one version for all handlers. No sockets.

`framing.py` cuts frames, `header.py` reads their headers, `bounds.py` checks what they claim of themselves (field by
field in `walk.py`), `codec.py` makes kio's entities of them, `convert.py` lifts these to the newest version. And
back.
"""
