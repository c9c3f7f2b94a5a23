"""A CSV file that grows by whole lines, in the hands of one process, whatever may end it."""

from __future__ import annotations

import csv
import io
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from replica.errors import Removed, Unwritable, reason
from replica.tables.atomic_files import flush, move_into_place, partial_file, unwritable
from replica.tables.columns import as_cell, columns_of
from replica.tables.locks import lock, open_locked, stands_at

#: Least seconds between two calls that force the operating system to write to the disk, and
#: the share of the time that they may take.
_SYNC, _SHARE = 0.1, 0.02


class AppendOnlyFile:
    """A CSV file to which lines are added, locked against other processes until it is closed.

    Lines have left the process before `append` returns. They are forced to the disk at once or,
    where they come faster than the disk takes them, now and then.

    Parameters
    ----------
    name : str
        The argument that holds the path, for refusals.
    path : path
        The file, which is made if there is none.

    Attributes
    ----------
    columns : tuple of str or None
        The columns of the file; None until it has any.

    Raises
    ------
    ValueError
        If the file cannot be written, or is being written by another process.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.columns: tuple[str, ...] | None = None
        self._path, self._next_sync = path, 0.0
        self._before: tuple[Mapping[str, Any], ...] | None = None
        try:
            self._handle = open_locked(name, path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        except OSError as error:
            raise unwritable(name, path, error) from None

    def drop_torn_line(self, content: bytes) -> None:
        """Cut off what a kill or a full disk left of a line at the end of the content."""
        self._keep(content.rfind(b"\n") + 1, content)

    def drop_all(self, content: bytes) -> None:
        """Let a file with this content be empty."""
        self._keep(0, content)

    def begin_anew_with(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Let the next `append` put a new file in the place of this one, with these lines first."""
        self._before = tuple(lines)

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines, one or more, behind the last.

        Raises
        ------
        Unwritable, Removed
            As `writing` does. What was there before is kept, and of the lines those that fit.
        ValueError
            If the lines have columns that the file lacks.
        """
        lines = list(lines)
        with self.writing():
            if self._before is not None:
                self._begin_anew(columns_of([*self._before, *lines]), self._before)
            elif self.columns is None:
                self.columns = columns_of(lines)
            elif self.lacks(lines):
                raise ValueError(f"columns {self.lacks(lines)} in a table of {self.columns}")
            self._write(lines)

    def lacks(self, lines: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return the columns of lines that the file does not have, once it has any."""
        known = None if self._before is not None else self.columns
        return [] if known is None else [c for c in columns_of(lines) if c not in known]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say in the words of a table why the file cannot be written in this context.

        Raises
        ------
        Unwritable
            If the disk is full or the file can no longer be written.
        Removed
            If the file was removed or replaced by somebody else.
        """
        if not stands_at(self._handle, self._path):
            raise Removed(f"{self._path} was removed or replaced while it was written")
        try:
            yield
        except OSError as error:
            told = f"{self._path} cannot be written any more: {reason(error)}"
            raise Unwritable(told) from None

    def discard_if_empty(self) -> None:
        """Remove a file that holds nothing, which nobody misses."""
        if not os.fstat(self._handle).st_size:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let other processes have the file."""
        if self._handle >= 0:
            with suppress(OSError):
                os.fsync(self._handle)
            os.close(self._handle)
            self._handle = -1

    def _keep(self, length: int, content: bytes) -> None:
        if length < len(content):  # not every file system can
            os.ftruncate(self._handle, length)

    def _begin_anew(self, columns: tuple[str, ...], lines: Iterable[Mapping[str, Any]]) -> None:
        """Put a file of these lines in the place of the one that is there."""
        handle, partial = partial_file(self._path)
        before, self._handle, self.columns = (self._handle, self.columns), handle, columns
        try:
            lock(handle, self._path)
            self._write(lines)
            move_into_place(partial, self._path)
        except BaseException:
            os.close(handle)
            with suppress(OSError):
                os.unlink(partial)
            self._handle, self.columns = before
            raise
        if stands_at(handle, self._path):
            os.close(before[0])
        else:  # a file system that cannot replace files got a copy
            os.close(handle)
            self._handle = before[0]
        self._before = None

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines behind the last; where there is no room for all, as many as fit."""
        assert self.columns is not None
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        end = os.lseek(self._handle, 0, os.SEEK_END)
        if not end:
            writer.writerow(self.columns)
        for line in lines:
            writer.writerow([as_cell(line.get(column)) for column in self.columns])
        content = text.getvalue().encode()
        try:
            _write_all(self._handle, content)
            self._sync_now_and_then()
        except OSError:
            with suppress(OSError):
                written = os.lseek(self._handle, 0, os.SEEK_END) - end
                os.ftruncate(self._handle, end + content.rfind(b"\n", 0, written) + 1)
            raise

    def _sync_now_and_then(self) -> None:
        start = time.monotonic()
        if start > self._next_sync:
            flushed = flush(self._handle, self._path)
            now = time.monotonic()
            wait = max(_SYNC, (now - start) / _SHARE)
            self._next_sync = now + wait if flushed else math.inf


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]
