"""Tasks in worker processes or on a cluster, with results that do not depend on where."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import re
import signal
import socket
import threading
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module, metadata
from itertools import islice
from multiprocessing import connection
from typing import Any, Protocol

from replica.arguments import MissingExtra, integer, refusal
from replica.commandline import say
from replica.options import number

Lines = list[dict[str, Any]]

#: Attempts at a task with a process of its own, and tasks in succession that all of them fail:
#: then no worker lives.
_ATTEMPTS, _HOPELESS = 2, 4

#: Tasks that a worker process here, and the scheduler of a cluster, are told of in advance.
_AHEAD, _WINDOW = 2, 10_000

#: Seconds within which a scheduler answers.
_ANSWER = 5.0


class Task(Protocol):
    """What a worker process can do: an experiment, or anything like it that can be pickled."""

    def run(self) -> Lines:
        """Return lines of a table."""


@dataclass(frozen=True)
class Failure:
    """What a task raised, in one line."""

    error: str


Outcome = Lines | Failure
_Sent = tuple[Outcome, list[tuple[type[Warning], str]]]
_Results = Generator[tuple[int, _Sent], None, None]


class WorkerDied(RuntimeError):
    """Workers were ended from outside, or lost; the results they had delivered are kept."""


def add_executor_options(parser: argparse.ArgumentParser, workers: int, default: str) -> None:
    """Add the options that say where tasks run."""
    parser.add_argument("--workers", type=number, default=workers, metavar="N",
                        help=f"processes, which do not change the table ({default})")  # fmt: skip
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="scheduler of a Dask cluster, tcp://HOST:PORT or tls://HOST:PORT, "
                        "whose workers take the place of processes here")  # fmt: skip


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


def outcomes(
    tasks: Sequence[Task], workers: int, scheduler: str | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Yield (number of the task, its lines or failure) as workers finish them.

    Warnings of the workers are issued here. If the caller stops early, what is under way is
    given up; if this process dies, so do the workers, or they forget its tasks.

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    workers : int
        Processes on this machine.
    scheduler : str, optional
        Address of the scheduler of a Dask cluster, which does the tasks instead.

    Raises
    ------
    WorkerDied
        If no worker process lives long enough for any task, or if the cluster was lost.
    MissingExtra
        If a cluster is asked for and Dask is not installed.
    ValueError
        If an argument is not allowed, or no scheduler answers.
    """
    results = _here(tasks, workers) if scheduler is None else _on_cluster(tasks, scheduler)
    with closing(results):
        for task, (outcome, warned) in results:
            for category, message in warned:
                warnings.warn(message, category, stacklevel=2)
            yield task, outcome


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let processes that start meanwhile use one thread each for linear algebra.

    The libraries read these variables when they are loaded; in a process per core, more
    threads only get into each other's way.
    """
    names = (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NPROC",  # of XLA, on which JAX runs
    )
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def described(error: BaseException) -> str:
    """Return an exception in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _here(tasks: Sequence[Task], workers: int) -> _Results:
    """Run tasks in processes of this machine.

    Where one dies, its pool is lost. Whatever it was doing is tried again alone: what kills its
    worker then has failed, and the others go on.
    """
    waiting, died = dict(enumerate(tasks)), 0
    integer("workers", workers, 1)
    while waiting:
        begun: set[int] = set()
        try:
            with closing(_pool(waiting, min(workers, len(waiting)), begun)) as results:
                for task, sent in results:
                    del waiting[task]
                    yield task, sent
        except BrokenProcessPool:
            told = "a worker process was killed, by hand or for want of memory"
            again = "what was under way is tried again, one task at a time"
            say(f"{told}; {again}")
            for task in sorted(begun & set(waiting)):
                alone = _alone(waiting.pop(task))
                died = died + 1 if alone is None else 0
                if died == _HOPELESS:
                    raise WorkerDied(f"{told}, {died} times in succession") from None
                yield task, alone or (Failure("WorkerDied: its worker process was killed"), [])


def _alone(task: Task) -> _Sent | None:
    """Return what a task sends from a process of its own, or None if that is always killed."""
    for _ in range(_ATTEMPTS):
        with suppress(BrokenProcessPool), closing(_pool({0: task}, 1, set())) as results:
            return next(results)[1]
    return None


def _pool(tasks: Mapping[int, Task], workers: int, begun: set[int]) -> _Results:
    """Run tasks in a pool, and note in `begun` which it was told of."""
    earlier = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_depend_on_the_parent)
    left, numbers = iter(list(tasks.items())), dict[Future[_Sent], int]()

    def submit(count: int) -> None:
        for number, task in islice(left, count):
            begun.add(number)
            with one_thread_each(), _no_ctrl_c():  # it may start a process
                numbers[pool.submit(_run, task)] = number

    try:
        submit(workers * _AHEAD)
        while numbers:
            for future in wait(numbers, return_when=FIRST_COMPLETED).done:
                number = numbers.pop(future)
                sent = future.result()
                submit(1)
                yield number, sent
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - earlier:
            process.terminate()
        raise
    finally:
        pool.shutdown()


@contextmanager
def _no_ctrl_c() -> Iterator[None]:
    """Let processes that start meanwhile never see Ctrl-C, and this one see it afterwards.

    A worker leaves it to the command; until it can say so itself, it would end in a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _depend_on_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(parent: int) -> None:
    # A killed parent cannot tell its workers, which would wait for tasks for ever.
    connection.wait([parent])
    os._exit(1)


def _run(task: Task) -> _Sent:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        outcome: Outcome
        try:
            outcome = task.run()
        except Exception as error:
            # In words: not every exception survives being sent.
            outcome = Failure(described(error))
    # Libraries warn with UserWarning itself, this package with classes of its own.
    own = [
        w for w in caught if issubclass(w.category, UserWarning) and w.category is not UserWarning
    ]
    return outcome, [(w.category, str(w.message)) for w in own]


#: A worker of a cluster may have several threads, and neither the record of warnings nor the
#: libraries are made for them.
_ALONE = threading.Lock()


def _run_remotely(task: Task, version: str) -> _Sent:
    here = metadata.version("replica-attention")
    if here != version:
        raise RuntimeError(f"it has replica-attention {here} where {version} asks")
    with _ALONE:
        return _run(task)


def _on_cluster(tasks: Sequence[Task], address: str) -> _Results:
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


def _received(distributed: Any, future: Any) -> _Sent | None:
    """Return what a task sent, or None if it was lost with the workers that had it."""
    if future.status == "finished":
        try:
            sent: _Sent = future.result()
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
        raise refusal("scheduler", address, "tcp://HOST:PORT or tls://HOST:PORT")
    distributed = _distributed()
    _silence()
    secrets = distributed.Security().get_connection_args("client")
    if address.startswith("tls") and secrets.get("ssl_context") is None:
        allowed = "tcp://HOST:PORT where Dask's configuration names no certificates"
        raise refusal("scheduler", address, allowed)
    try:
        _knock(address)
        client = distributed.Client(
            address, timeout=_ANSWER, set_as_default=False, name="replica-attention"
        )
    except Exception as error:
        allowed = f"the address of a Dask scheduler that answers ({described(error)})"
        raise refusal("scheduler", address, allowed) from None
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
            f"--scheduler needs {error.name}, which is not installed: "
            "pip install 'replica-attention[cluster]'"
        ) from None
