"""Sockets and connections, and the way from a frame to its handler and back.

`listener.py` has the sockets; `connection.py` cuts frames and keeps the order of answers; `dispatcher.py` finds the
handler.
"""
