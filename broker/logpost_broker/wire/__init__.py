"""Bytes to requests and answers to bytes: frames, headers, kio's entities, one version for all handlers. No sockets."""
