"""What some file systems lack, network mounts and object stores among them, and what follows."""

from __future__ import annotations

import errno
from functools import cache
from pathlib import Path

from replica.errors import MountWarning
from replica.notices import tell

#: What the operating system says of an operation that a file system does not have. A disk that
#: fails or is full says something else, and nothing is done without it.
_LACKING = frozenset(
    {
        errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP,
        errno.ENOTTY, errno.ENOLCK,
    }
)  # fmt: skip

#: What is not promised without an operation.
_THEN = {
    "permissions": "files that are written anew get the permissions of new ones",
    "flushing": "a loss of power may lose what was written",
    "replacing": "a kill while a file is replaced may leave it torn",
    "locking": "nothing keeps two processes from one file",
}


def lacking(error: OSError) -> bool:
    """Tell whether an operation was refused as one that the file system does not have."""
    return isinstance(error, PermissionError) or error.errno in _LACKING


def do_without(operation: str, folder: Path) -> None:
    """Say, once for a folder, what is not promised there without an operation.

    Warns
    -----
    MountWarning
        Always, the first time.
    """
    _tell(operation, str(folder.absolute()))


@cache
def _tell(operation: str, folder: str) -> None:
    message = f"the file system of {folder} does without {operation}: {_THEN[operation]}"
    tell(message, MountWarning)
