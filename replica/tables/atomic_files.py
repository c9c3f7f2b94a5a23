"""Files that appear whole or not at all, where they can be written."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from replica.errors import BadArgument, reason
from replica.tables.mounts import do_without, lacking
from replica.validation import invalid

#: Ending of a file that is not whole yet; a process that was killed may leave one.
_PARTIAL = ".partial"


def writable_file(name: str, path: str | os.PathLike[str], endings: Sequence[str]) -> Path:
    """Return where `path` leads if a file can be written there, or raise ValueError.

    Parameters
    ----------
    name : str
        The argument that holds the path.
    path : path
        A new or a regular file; a link stands for the file it leads to.
    endings : sequence of str
        How its name may end.
    """
    target = Path(path)
    check_ending(name, path, endings)
    if os.path.islink(target):
        target = Path(os.path.realpath(target))
    try:
        if not stat.S_ISREG(os.stat(target).st_mode):
            raise invalid(name, str(path), "a file, or a name for a new one")
    except OSError:  # not there, or the folder lets nobody look
        pass
    _try_writing(name, path, target.parent)
    return target


def check_ending(name: str, path: str | os.PathLike[str], endings: Sequence[str]) -> None:
    """Raise ValueError unless the name of a file ends in one of these, and is longer."""
    given = Path(path).name
    if not any(given.endswith(each) and given != each for each in endings):
        listed = " or ".join(filter(None, (", ".join(endings[:-1]), endings[-1])))
        raise invalid(name, str(path), f"a file name that ends in {listed}")


def writable_folder(name: str, path: str | os.PathLike[str]) -> Path:
    """Return `path` if it is a folder that can be written, made if need be, or raise ValueError."""
    folder = Path(path)
    make_folder(name, path, folder)
    _try_writing(name, path, folder)
    return folder


def make_folder(name: str, path: str | os.PathLike[str], folder: Path) -> None:
    """Make the folder that `path` needs, and those around it, or raise ValueError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise invalid(name, str(path), f"in a folder that can be written ({why})") from None


def unwritable(name: str, path: str | os.PathLike[str], error: OSError) -> BadArgument:
    """Return the refusal of a file that the operating system does not let us write."""
    return invalid(name, str(path), f"a file that can be written ({reason(error)})")


def replace_file(target: Path, content: str | bytes) -> None:
    """Put a file with this content in the place of `target`."""
    with whole_file(target) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `target` when it is whole and on the disk."""
    handle, temporary = partial_file(target)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            flush(stream.fileno(), target)
        move_into_place(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def partial_file(target: Path) -> tuple[int, str]:
    """Return handle and path of a new file that is to become `target`, with its permissions.

    Where there is no `target` yet, they are those of any new file.
    """
    mode = _mode(target)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        # Some file systems take names of 143 bytes, of four bytes at most a letter.
        name = f".{target.name[:24]}.{os.urandom(6).hex()}{_ending(target)}"
        path = os.path.join(target.parent, name)
        with suppress(FileExistsError):
            # Its owner can write it meanwhile, and nobody read it who cannot read the target.
            handle = os.open(path, flags, 0o666 if mode is None else mode | 0o600)
            break
    try:
        if mode is not None and mode != stat.S_IMODE(os.fstat(handle).st_mode):
            _permit(path, mode)
    except BaseException:
        os.close(handle)
        os.unlink(path)
        raise
    return handle, path


def move_into_place(temporary: str, target: Path) -> None:
    """Let a whole file be `target`, on the disk too."""
    try:
        os.replace(temporary, target)
    except OSError as error:
        if not lacking(error):
            raise
        _copy_into_place(temporary, target)
        do_without("replacing", target.parent)
    flush_folder(target)


def flush(handle: int, target: Path) -> bool:
    """Force to the disk what an open file holds; False where that cannot be done."""
    try:
        os.fsync(handle)
    except OSError as error:
        if not lacking(error):
            raise
        do_without("flushing", target.parent)
        return False
    return True


def flush_folder(target: Path) -> None:
    """Force to the disk which files there are beside `target`."""
    if os.name == "nt":  # where a folder cannot be opened
        return
    try:
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:  # the file itself has been written
        do_without("flushing", target.parent)


def clear_partial_files(target: Path) -> None:
    """Remove what killed processes left that was to become `target`."""
    for left in target.parent.glob(f".*{_ending(target)}"):
        left.unlink(missing_ok=True)


def _ending(target: Path) -> str:
    """Return how partial files of this target end, and no other's, though names begin alike."""
    return f".{sha256(os.fsencode(target.name)).hexdigest()[:16]}{_PARTIAL}"


def _try_writing(name: str, path: str | os.PathLike[str], folder: Path) -> None:
    try:
        # Permission bits do not tell what root, quotas and read-only mounts allow.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        allowed = f"in a folder that can be written ({reason(error)})"
        raise invalid(name, str(path), allowed) from None


def _mode(target: Path) -> int | None:
    """Return the permissions of a file, None if there is none."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode) & 0o777
    except OSError:
        return None


def _permit(path: str, mode: int) -> None:
    try:
        os.chmod(path, mode)
    except OSError as error:
        if not lacking(error):
            raise
        do_without("permissions", Path(path).parent)


def _copy_into_place(temporary: str, target: Path) -> None:
    """Write what a whole file holds over `target`, and remove the former."""
    content = Path(temporary).read_bytes()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.truncate()
        stream.flush()
        flush(handle, target)
    os.unlink(temporary)
