"""The socket that is served on, and why it may not be had. Called by `kb.serve` and its command."""

from __future__ import annotations

import socket

from kb.errors import PortTaken

BACKLOG = 2048


def check_address(host: str, port: int) -> None:
    """Raises PortTaken when `serve` could not bind: better told before an index is built than after."""
    bind(host, port).close()


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address; raises PortTaken with the reason."""
    if not 0 <= port <= 65535:
        # the system would quietly take the port modulo 65,536
        raise PortTaken(f"cannot serve on {host}:{port}: a port is a number from 0 to 65535")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # two sockets may be bound to one address; only one may listen
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PortTaken(
            f"cannot serve on {host}:{port}: {reason}; choose another with --host and --port"
        ) from error
    return listener
