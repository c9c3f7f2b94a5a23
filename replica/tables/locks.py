"""One process at a time for a file, by a lock of the system that ends with the process.

A file that grows in place carries the lock itself (`open_locked`); one that is replaced whole has
it in a file beside it (`alone`).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from replica.errors import BadArgument, reason
from replica.tables.mounts import do_without
from replica.tables.provenance import read_sidecar
from replica.validation import invalid

try:
    import fcntl
except ImportError:  # not a POSIX system: one process per file is the user's care
    fcntl = None  # type: ignore[assignment]

#: Seconds in which a process that has just begun to write says who it is, or is done.
_INTRODUCTION = 2.0


def lock(handle: int, path: Path, shared: bool = False) -> bool:
    """Lock the file open from `path`, alone or with others; False if another process has it.

    Where nothing can be locked, as on some network mounts, this is said, and left to the user.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        do_without("locking", path.parent)
    return True


def stands_at(handle: int, path: Path) -> bool:
    """Tell whether an open file is the one that stands at `path`, and was not replaced."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def open_locked(name: str, path: Path, flags: int, shared: bool = False) -> int:
    """Open the table at `path` and lock it; OSError says why it cannot be opened.

    Parameters
    ----------
    name : str
        The argument that holds the path.
    path : path
        The CSV file.
    flags : int
        How to open it.
    shared : bool
        Whether others may share the lock.

    Raises
    ------
    ValueError
        If another process is writing the table, naming it.
    """

    def refused(writer: str) -> BadArgument:
        allowed = f"a file that no other process is writing; {writer} is"
        return invalid(name, str(path), allowed)

    return _held(path, flags, shared, lambda: _writer(path), refused)


@contextmanager
def unwritten(name: str, path: Path) -> Iterator[None]:
    """Let nobody begin to write the table at `path`, if there is one, while it is replaced.

    Raises
    ------
    ValueError
        If another process is writing the table, naming it.
    """
    if fcntl is None:  # where open files cannot be replaced, either
        yield
        return
    handle = None
    with suppress(OSError):  # not there, or nothing to be read: in nobody's way
        # A pipe without a writer is not waited for.
        handle = open_locked(name, path, os.O_RDONLY | os.O_NONBLOCK, shared=True)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def alone(name: str, path: Path) -> Iterator[None]:
    """Keep other processes from the file at `path`, which need not exist, and is replaced whole.

    Such a file cannot carry the lock itself: one beside it does, which holds who has it.

    Parameters
    ----------
    name : str
        The argument that holds the path.
    path : path
        The file.

    Raises
    ------
    ValueError
        If its folder cannot be written, or if another process is at work on it, naming it.
    """
    beside = path.with_name(f".{path.name}.lock")

    def refused(worker: str) -> BadArgument:
        allowed = f"one that no other process is at work on; {worker} is"
        return invalid(name, str(path), allowed)

    try:
        handle = _held(beside, os.O_RDWR | os.O_CREAT, False, lambda: _worker(beside), refused)
    except OSError as error:
        allowed = f"in a folder that can be written ({reason(error)})"
        raise invalid(name, str(path), allowed) from None
    try:
        with suppress(OSError):  # a full disk does not hold a number, but a lock
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        with suppress(OSError):
            beside.unlink()
        os.close(handle)


def _held(
    path: Path,
    flags: int,
    shared: bool,
    holder: Callable[[], str | None],
    refused: Callable[[str], BadArgument],
) -> int:
    """Open and lock the file that stands at `path`, or raise what is `refused` to who is late.

    `holder` tells who has the file. One that has just taken it is given time to say so.
    """
    deadline = time.monotonic() + _INTRODUCTION
    while True:
        handle = os.open(path, flags, 0o666)
        if lock(handle, path, shared):
            # Who had it may have removed or replaced the file since it was opened.
            if stands_at(handle, path):
                return handle
            os.close(handle)
            continue
        os.close(handle)
        known = holder()
        if known is not None or time.monotonic() > deadline:
            raise refused(known or "process unknown")
        time.sleep(0.02)


def _worker(beside: Path) -> str | None:
    """Return who has the file that a lock file stands beside, if that tells."""
    with suppress(OSError):
        number = beside.read_bytes()[:20].decode(errors="replace")
        return f"process {number}" if number else None
    return None


def _writer(path: Path) -> str | None:
    """Return who is writing a table, if its sidecar tells."""
    unfinished = read_sidecar(path)[0].get("unfinished")
    known = unfinished if isinstance(unfinished, dict) else {}
    process, host = known.get("process"), known.get("host")
    if isinstance(host, str) and host != socket.gethostname():
        return f"process {process} on {host}"
    if isinstance(process, int) and _alive(process):
        return f"process {process}"
    return None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        pass
    return True
