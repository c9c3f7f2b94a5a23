"""What goes wrong: folders that turn root away, commands that pause, tasks and clusters that die.

    python tests/support/hazards.py PROGRAM [argument ...]

runs a program as one to whom permissions apply, whoever its user is.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from replica.commandline import progress
from replica.tables.journal import Journal

# However slow the machine is, stderr has no line about how far the run is.
progress._LINE = float("inf")
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

#: Prints the address of a scheduler as soon as that has two workers.
_WAIT = """
import sys
from distributed import Client
client = Client(scheduler_file=sys.argv[1], timeout=100)
client.wait_for_workers(2, timeout=100)
print(client.scheduler.address)
"""


class Nothing:
    """A task that a worker process has done at once."""

    def run(self) -> list[dict[str, Any]]:
        return []


@dataclass(frozen=True)
class Doing:
    """A task that does as it is told; in the file `once` it notes that it did so already."""

    what: str
    once: str = ""

    def run(self) -> list[dict[str, Any]]:
        if self.what == "raise":
            raise ZeroDivisionError("nothing\nat all")
        if self.what == "die" and not (self.once and Path(self.once).exists()):
            if self.once:
                Path(self.once).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return [{"pid": os.getpid()}]


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
    with tempfile.TemporaryDirectory() as folder, ExitStack() as started:
        where = ["--scheduler-file", f"{folder}/scheduler.json"]

        def dask(kind: str, *words: str) -> subprocess.Popen[bytes]:
            line = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *where, *words]
            process = subprocess.Popen(line, stderr=subprocess.DEVNULL, start_new_session=True)
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        scheduler = dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        workers = [dask("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard") for _ in "12"]
        line = [sys.executable, "-c", _WAIT, where[1]]
        told = subprocess.run(line, stdout=subprocess.PIPE, text=True, timeout=200, check=True)
        yield told.stdout.strip(), scheduler, workers


if __name__ == "__main__":
    obey_permissions()
    os.execv(sys.argv[1], sys.argv[1:])
