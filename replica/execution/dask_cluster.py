"""Tasks on a Dask cluster, which the extra `cluster` brings."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata
from itertools import islice
from typing import Any

from replica.commandline.terminal import say
from replica.errors import MissingExtra, WorkerDied, not_installed
from replica.execution.task import Failure, Results, Sent, Task, described, do
from replica.validation import invalid

#: Tasks that the scheduler is told of in advance.
_WINDOW = 10_000

#: Seconds within which a scheduler answers.
_ANSWER = 5.0


def check_scheduler(address: str | None) -> str | None:
    """Return the address of a scheduler that answers, or None if none is given.

    Raises
    ------
    MissingExtra
        If Dask is not installed.
    ValueError
        If no scheduler answers.
    """
    if address is not None:
        _connected(address)[1].close(timeout=_ANSWER)
    return address


#: A worker of a cluster may have several threads, and neither the record of warnings nor the
#: libraries are made for them.
_ALONE = threading.Lock()


def _run_remotely(task: Task, version: str) -> Sent:
    here = metadata.version("replica-attention")
    if here != version:
        raise RuntimeError(f"it has replica-attention {here} where {version} asks")
    with _ALONE:
        return do(task)


def on_cluster(tasks: Sequence[Task], address: str) -> Results:
    """Do tasks on the workers of the scheduler at `address`.

    A task whose worker dies is tried again by the scheduler, and at last once more alone.
    """
    distributed, client = _connected(address)
    version = metadata.version("replica-attention")
    numbers: dict[Any, int] = {}
    try:
        if not client.nthreads():
            say(f"{address} has no workers yet: waiting for them")
        finished, left = distributed.as_completed(loop=client.loop), iter(enumerate(tasks))

        def submit(count: int) -> None:
            for number, task in islice(left, count):
                future = client.submit(_run_remotely, task, version, pure=False)
                numbers[future] = number
                finished.add(future)

        submit(_WINDOW)
        suspects = []
        for future in finished:
            number, sent = numbers.pop(future), _received(distributed, future)
            if sent is None:
                suspects.append(number)
            else:
                yield number, sent
            future.release()
            submit(1)
        # What died beside another task that kills workers does not die alone.
        for number in suspects:
            future = client.submit(_run_remotely, tasks[number], version, pure=False)
            finished.add(future)
            next(finished)
            killed = Failure("KilledWorker: every worker died that had this task")
            yield number, _received(distributed, future) or (killed, [])
    except WorkerDied:
        raise
    except Exception as error:
        raise WorkerDied(f"the cluster was lost ({described(error)})") from None
    finally:
        # The scheduler forgets what no client waits for, and stops what is under way.
        with suppress(Exception):
            client.close(timeout=_ANSWER)


def _received(distributed: Any, future: Any) -> Sent | None:
    """Return what a task sent, or None if it was lost with the workers that had it."""
    if future.status == "finished":
        try:
            sent: Sent = future.result()
        except OSError:
            return None
        return sent
    if future.status == "cancelled":
        raise WorkerDied("the scheduler of the cluster was lost")
    if future.status != "error":
        return None
    error = future.exception()
    if isinstance(error, distributed.KilledWorker):
        return None
    raise WorkerDied(f"a worker of the cluster cannot run the tasks: {described(error)}")


def _connected(address: str) -> tuple[Any, Any]:
    """Return Dask, and a client of the scheduler."""
    if not isinstance(address, str) or not re.fullmatch(r"(tcp|tls)://[^\s/]+:\d+", address):
        raise invalid("scheduler", address, "tcp://HOST:PORT or tls://HOST:PORT")
    distributed = _distributed()
    _silence()
    secrets = distributed.Security().get_connection_args("client")
    if address.startswith("tls") and secrets.get("ssl_context") is None:
        allowed = "tcp://HOST:PORT where Dask's configuration names no certificates"
        raise invalid("scheduler", address, allowed)
    try:
        _knock(address)
        client = distributed.Client(
            address, timeout=_ANSWER, set_as_default=False, name="replica-attention"
        )
    except Exception as error:
        allowed = f"the address of a Dask scheduler that answers ({described(error)})"
        raise invalid("scheduler", address, allowed) from None
    return distributed, client


def _knock(address: str) -> None:
    """Raise OSError unless something answers, which the client might wait for too long."""
    kind, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _ANSWER) as opened:
        if kind == "tls":
            return  # where the client speaks first
        opened.settimeout(_ANSWER)
        # A scheduler begins with the length of its greeting, in eight bytes.
        greeting = opened.recv(8, socket.MSG_WAITALL)
        if len(greeting) < 8 or int.from_bytes(greeting, "little") > 1e6:
            raise ConnectionError("what answers is no scheduler")


def _silence() -> None:
    """Leave it to this module to tell what goes wrong, in one line each.

    Dask gives each of its loggers a level and a handler of its own.
    """
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"--scheduler takes Dask; {not_installed(error.name, 'cluster')}"
        ) from None
