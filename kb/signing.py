"""The secret with which cookies and references to sessions are signed. Called by `kb.serve`.

All processes, and all machines behind one address, must have the same one: KB_SECRET, or a random one
that the first process leaves in the state folder.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kb.errors import StoreReadOnly

_BYTES = 32


def signing_secret(var: Path, setting: str = "") -> bytes:
    """KB_SECRET, or the contents of `<var>/secret`, made if it is not there. Raises StoreReadOnly."""
    if setting:
        return setting.encode()
    file = var / "secret"
    try:
        var.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _leave(file)
        found = file.read_bytes()
    except OSError as error:
        raise StoreReadOnly(f"{file}: {error.strerror}; set KB_SECRET, or make it writable") from error
    if len(found) < _BYTES:
        raise StoreReadOnly(f"{file}: is shorter than {_BYTES} bytes; remove it, and a new one is made")
    return found


def _leave(file: Path) -> None:
    """Whole or not at all: of several processes that start at once, one wins and all read the same."""
    draft = file.with_name(f".secret-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(_BYTES).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()
