"""One process at a time for a file, by a lock of the system that ends with the process."""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: one process per file is the user's care
    fcntl = None  # type: ignore[assignment]


def lock(handle: int) -> bool:
    """Lock an open file; False if another process has it.

    Where nothing can be locked, as on some network mounts, this is left to the user.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def stands_at(handle: int, path: Path) -> bool:
    """Tell whether an open file is the one that stands at `path`, and was not replaced."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False
