"""A table that grows on disk as its points finish, and goes on where it was stopped."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from types import TracebackType
from typing import Any

from replica.arguments import refusal
from replica.tables import COLUMNS, PARTIAL, Table, sidecar, writable_file, write_sidecar

try:
    import fcntl
except ImportError:  # not a POSIX system: one process per table is the user's care
    fcntl = None  # type: ignore[assignment]

#: Seconds between two calls that force the operating system to write to the disk.
_SYNC = 0.1


class Unwritable(RuntimeError):
    """The table cannot be written any more; what it holds is kept."""


class Journal:
    """A CSV table under construction, held by one process at a time.

    Lines are appended as they come and have left the process before `append` returns, so
    that a kill loses nothing that was appended; they are forced to the disk, against a loss
    of power, at once or within a tenth of a second. A line that a kill or a full disk tore is
    cut off when the journal is opened again. `finish` replaces the file by the whole table in
    its final order.

    Parameters
    ----------
    name : str
        The argument that holds the path, for refusals.
    path : path
        The CSV file.
    command : str
        The command line, for the sidecar.
    parameters, seeds : mapping and sequence
        Whatever determines the content of the table, as JSON can hold it. The sidecar keeps
        them: a table of others, or of another version, is refused with the difference.

    Raises
    ------
    ValueError
        If the file cannot be written, is no table, is one of other parameters, or is being
        written by another process.
    """

    def __init__(
        self,
        name: str,
        path: str | os.PathLike[str],
        command: str,
        parameters: Mapping[str, Any],
        seeds: Sequence[int],
    ) -> None:
        self.path = writable_file(name, path)
        self._name = name
        content = {"parameters": dict(parameters), "seeds": list(seeds)}
        self._provenance = {"command": command, **json.loads(json.dumps(content))}
        self._handle = self._open()
        try:
            self._columns, self._found = self._resume()
        except BaseException:
            self.close()
            raise
        self._synced = 0.0

    @property
    def lines(self) -> tuple[dict[str, Any], ...]:
        """The lines that the file held when it was opened, in the order of their completion."""
        return self._found

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to the file.

        Raises
        ------
        Unwritable
            If the disk is full or the file can no longer be written. What was there before
            is kept.
        """
        table = Table(lines)
        if self._columns is None:
            self._columns = table.columns
        elif table.columns != self._columns:
            raise ValueError(f"columns {table.columns} in a table of {self._columns}")
        text = io.StringIO(newline="")
        table.write(text)
        content = text.getvalue()
        end = os.lseek(self._handle, 0, os.SEEK_END)
        if end:
            content = content.split("\n", 1)[1]
        try:
            _write_all(self._handle, content.encode())
            if time.monotonic() - self._synced > _SYNC:
                os.fsync(self._handle)
                self._synced = time.monotonic()
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, end)
            raise self._unwritable(error) from None

    def finish(self, lines: Iterable[Mapping[str, Any]]) -> Table:
        """Replace the file by the table of these lines, in this order, and return the table."""
        table = Table(lines)
        try:
            table.to_csv(self.path, **self._provenance)
        except (OSError, ValueError) as error:
            raise self._unwritable(error) from None
        return table

    def close(self) -> None:
        """Let other processes have the file."""
        if self._handle >= 0:
            with suppress(OSError):
                os.fsync(self._handle)
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> int:
        while True:
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                allowed = f"a file that can be written ({reason})"
                raise refusal(self._name, str(self.path), allowed) from None
            if fcntl is None:
                return handle
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                writer = self._sidecar().get("unfinished", {}).get("process", "unknown")
                allowed = f"a file that no other process is writing; process {writer} is"
                raise refusal(self._name, str(self.path), allowed) from None
            except OSError:  # a file system without locks
                return handle
            # Another process may have finished, and replaced the file, since it was opened.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(self.path)):
                    return handle
            os.close(handle)

    def _resume(self) -> tuple[tuple[str, ...] | None, tuple[dict[str, Any], ...]]:
        """Return columns and lines of an unfinished or finished table of the same parameters."""
        for whole in (self.path, sidecar(self.path)):
            for left in whole.parent.glob(f".{whole.name}.*{PARTIAL}"):
                left.unlink(missing_ok=True)
        content, header = self.path.read_bytes(), ",".join(COLUMNS).encode()
        if content[: len(header)] != header[: len(content)]:
            raise refusal(self._name, str(self.path), "a new file or a table")
        end = content.rfind(b"\n") + 1
        # A first line alone is a table without points: whatever made it, nothing is lost.
        fresh = content.count(b"\n") < 2
        if not fresh:
            self._check_provenance()
        os.ftruncate(self._handle, 0 if fresh else end)
        table = Table([]) if fresh else Table.from_csv(self.path)
        unfinished = {"process": os.getpid()}
        write_sidecar(self.path, {**self._provenance, "unfinished": unfinished})
        return (None if fresh else table.columns), table.lines()

    def _check_provenance(self) -> None:
        here, there = _content(self._provenance), _content(self._sidecar())
        here["version"] = metadata.version("replica-attention")
        different = [key for key in {**here, **there} if here.get(key) != there.get(key)]
        if different:
            was = ", ".join(f"{key} = {_short(there.get(key))}" for key in different)
            now = ", ".join(_short(here.get(key)) for key in different)
            allowed = f"a new file, or a table of the same command; it has {was} instead of {now}"
            raise refusal(self._name, str(self.path), allowed)

    def _sidecar(self) -> dict[str, Any]:
        try:
            known = json.loads(sidecar(self.path).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _unwritable(self, error: Exception) -> Unwritable:
        reason = getattr(error, "strerror", None) or str(error)
        return Unwritable(f"{self.path} cannot be written any more: {reason.lower()}")


def _content(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return what determines the content of a table, by name."""
    named = {key: provenance.get(key) for key in ("seeds", "version")}
    parameters = provenance.get("parameters")
    return {**(parameters if isinstance(parameters, dict) else {}), **named}


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
