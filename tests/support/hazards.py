"""What goes wrong: folders that turn root away, commands that pause, clusters to be killed.

    python tests/support/hazards.py PROGRAM [argument ...]

runs a program as one to whom permissions apply, whoever its user is.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: The beginning of a command line that obeys permissions.
OBEDIENT = (sys.executable, __file__)

#: Rights to override permissions, of files and for reading, and the call that gives one up.
_OVERRIDE, _READ, _GIVE_UP = 1, 2, 24

#: Runs a command that pauses when it has added a number of lines, until its stdin is closed.
_PAUSING = """
import signal, sys
from importlib import import_module
from replica.tables.journal import Journal

# A shell makes what it starts in the background ignore Ctrl-C, and that is handed down.
signal.signal(signal.SIGINT, signal.default_int_handler)
module, count, *words = sys.argv[1:]
append, left = Journal.append, int(count)

def pausing(self, lines):
    global left
    lines = list(lines)
    first, others = lines[:left], lines[left:]
    append(self, first)
    left -= len(first)
    if first and not left:
        sys.stdin.read()
    append(self, others)

Journal.append = pausing
sys.exit(import_module(module).main(words))
"""

#: Exits with 0 as soon as the scheduler has two workers.
_WAIT = """
import logging, sys
from distributed import Client
logging.disable()
try:
    Client(sys.argv[1], timeout=2).wait_for_workers(2, timeout=10)
except OSError:
    sys.exit(1)
"""


class Nothing:
    """A task that a worker process has done at once."""

    def run(self) -> list[dict[str, Any]]:
        return []


def obey_permissions() -> None:
    """Let the command that this process becomes write only where permissions allow it.

    On Linux root may write everywhere; elsewhere it keeps that right.
    """
    if sys.platform == "linux":
        for capability in (_OVERRIDE, _READ):
            ctypes.CDLL(None).prctl(_GIVE_UP, capability, 0, 0, 0)


def start_pausing(
    module: str, lines: int, words: Sequence[str], under: Sequence[str] = (), **options: Any
) -> subprocess.Popen[str]:
    """Start a command that cannot end before its tester, however fast or slow, has seen to it.

    Parameters
    ----------
    module : str
        Where its `main` is.
    lines : int
        How many it adds to its table before it waits for `communicate`, or for a signal.
    words : sequence of str
        Its arguments.
    under : sequence of str
        What the command line begins with, such as `OBEDIENT`.
    **options
        Of `subprocess.Popen`.
    """
    line = [*under, sys.executable, "-c", _PAUSING, module, str(lines), *words]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, text=True, **pipes, **options)


def wait_until_grown(process: subprocess.Popen[str], file: Path, size: float = 0) -> None:
    """Wait until a running process has made a file larger than a number of bytes."""
    deadline = time.monotonic() + 120
    while not (file.exists() and file.stat().st_size > size):
        assert process.poll() is None, f"it ended with status {process.returncode}"
        assert time.monotonic() < deadline, "nothing was written in two minutes"
        time.sleep(0.002)


@contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[bytes], list[subprocess.Popen[bytes]]]]:
    """Start a Dask scheduler and two workers that nobody replaces, and yield its address, too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"

    def dask(kind: str, *words: str) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"]
        return subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True)

    scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", str(port))
    workers = [dask("worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
    try:
        deadline = time.monotonic() + 60
        while subprocess.run([sys.executable, "-c", _WAIT, address], check=False).returncode:
            assert time.monotonic() < deadline, "no cluster within a minute"
            time.sleep(0.2)
        yield address, scheduler, workers
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


if __name__ == "__main__":
    obey_permissions()
    os.execv(sys.argv[1], sys.argv[1:])
