"""Where a part listens, and by which name others reach it."""

from __future__ import annotations

import errno
import ipaddress
import socket

from logpost.addresses import LOOPBACK, WILDCARDS
from logpost.errors import ConfigError, StartError


def bind(listen: str, port: int, *, insecure: bool, setting: str) -> list[socket.socket]:
    """Listening sockets for `listen`:`port`; `localhost` gives 127.0.0.1 and, where there is IPv6, ::1.

    `setting` (`broker.port`) is named in errors. Raises ConfigError for an address that is not loopback while
    `insecure` is false, StartError when the port is taken.
    """
    if mistake := exposed(listen, insecure=insecure, table=setting.partition(".")[0]):
        raise ConfigError(mistake)
    addresses = LOOPBACK if listen == "localhost" else (listen,)
    bound: list[socket.socket] = []
    for address in addresses:
        try:
            bound.append(_bind_one(address, port))
        except OSError as error:
            if listen == "localhost" and address == "::1" and not _has_ipv6():
                continue
            for other in bound:
                other.close()
            is_about_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
            named = setting if is_about_port else f"{setting.partition('.')[0]}.listen"
            raise StartError(f"cannot listen on {address} port {port}: {error.strerror} ({named})") from error
        port = bound[0].getsockname()[1]
    return bound


def exposed(listen: str, *, insecure: bool, table: str) -> str:
    """What is wrong with an address to listen on, before anything is bound; the empty text for nothing."""
    if (":" in listen or not set(listen) - set("0123456789.")) and not is_address(listen):
        return f"{table}.listen = {listen!r} is no address (the port is {table}.port)"
    if insecure or listen == "localhost" or is_loopback(listen):
        return ""
    return (
        f"{table}.listen = {listen!r} is not loopback and nothing authenticates clients: "
        f"set {table}.insecure = true to accept that"
    )


def reachable_host(listen: str, advertised: str = "") -> str:
    """Where clients connect to for what listens on `listen`: this machine's name for all its addresses."""
    return advertised or (socket.gethostname() if listen in WILDCARDS else listen)


def _bind_one(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def is_loopback(address: str) -> bool:
    return is_address(address) and ipaddress.ip_address(address).is_loopback


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
