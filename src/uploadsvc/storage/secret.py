"""
The service's own secret: made by chance at the first start, kept in a file, and never replaced.

Whoever else starts at that moment, in another process or on another host, finds the same one:
it is made under a lock, and shown when it is whole. Only its owner may read it.
"""

import secrets
from pathlib import Path

from uploadsvc.errors import BadSettings, UploadsvcError
from uploadsvc.storage import partials
from uploadsvc.storage.locks import exclusive

_BYTES = 32
_MODE = 0o600
_LONGEST = 1024
_PATIENCE = 10.0
"""Seconds to wait for somebody else who makes it; that takes milliseconds."""


def new_secret() -> str:
    """Return a new secret: 43 letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(_BYTES)


def make_secret(path: Path, *, locks: Path) -> None:
    """
    Make the secret if there is none; `locks` is a folder for the lock.

    Raise `BadSettings`, which names the file, when that fails.
    """
    if _is_there(path):
        return
    try:
        with exclusive(locks, path.name, patience=_PATIENCE):
            # Somebody else may have made it while we waited.
            if not _is_there(path):
                partials.publish(path.parent, path.name, f"{new_secret()}\n".encode(), mode=_MODE)
    except UploadsvcError as error:
        raise BadSettings(f"{path}: it cannot be made: {error}") from error


def read_secret(path: Path) -> str | None:
    """
    Return the secret that is kept in the file; None when there is no file.

    Raise `BadSettings`, which names the file, for one that cannot be read or is empty.
    """
    try:
        with path.open("rb") as file:
            secret = file.read(_LONGEST).decode("ascii").strip()
    except OSError as error:
        if not _is_there(path):
            return None
        raise BadSettings(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise BadSettings(f"{path}: it holds something else than a secret") from error
    if not secret:
        raise BadSettings(f"{path}: it is empty; when it is removed, a new one is made")
    return secret


def _is_there(path: Path) -> bool:
    # A link that leads nowhere, to a disk that is not mounted, say, is no reason for a new one.
    return path.is_symlink() or path.exists()
