"""Which process of a service has a connection, told by `/proc`."""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path


def owner(connection: HTTPConnection) -> int:
    """The worker at the other end of a connection."""
    # a port alone says little: another connection, even one closed a moment ago, may have the same
    ends = [f":{port:04X}" for port in (connection.port, connection.sock.getsockname()[1])]
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = (line[9] for line in lines if [line[1][-5:], line[2][-5:]] == ends and line[9] != "0")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(each.readlink()) == f"socket:[{inode}]" for each in (process / "fd").iterdir()):
                return int(process.name)
    raise AssertionError(f"nobody has {inode}")
