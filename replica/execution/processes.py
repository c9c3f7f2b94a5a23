"""Tasks in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from itertools import islice
from multiprocessing import connection
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from replica.commandline.guard import NAME, UNGUARDED, leave_if_starting
from replica.commandline.terminal import say
from replica.errors import WorkerDied
from replica.execution.task import Failure, Results, Sent, Task, described, do
from replica.validation import integer, invalid

#: Retries of a task in a process of its own, and tasks in succession whose every process dies:
#: then no worker lives.
MAX_RETRIES, MAX_CONSECUTIVE_DEATHS = 2, 4

#: Tasks submitted to each worker process beforehand.
PREFETCH = 2

#: Held while a process starts, for which something of this one is changed that it inherits.
_STARTING = threading.Lock()


def in_processes(tasks: Sequence[Task], workers: int) -> Results:
    """Run tasks in processes of this machine.

    Where one dies, its pool is lost. Whatever it was doing is tried again alone: what kills its
    worker then has failed, and the others go on.
    """
    leave_if_starting()
    waiting, deaths, any_finished = dict(enumerate(tasks)), 0, False
    integer("workers", workers, 1)
    if waiting:
        _check_here(workers)
    while waiting:
        begun, started = set[int](), list[SpawnProcess]()
        try:
            with closing(_pool(waiting, min(workers, len(waiting)), begun, started)) as results:
                for task, sent in results:
                    del waiting[task]
                    any_finished = True
                    yield task, sent
        except BrokenProcessPool:
            if not any_finished:
                _check_start(workers, started)
            killed = "a worker process was killed, by hand or for want of memory"
            say(f"{killed}; what was under way is tried again, one task at a time")
            for task in sorted(begun & set(waiting)):
                alone = _alone(waiting.pop(task))
                deaths = deaths + 1 if alone is None else 0
                if deaths == MAX_CONSECUTIVE_DEATHS:
                    raise WorkerDied(f"{killed}, {deaths} times in succession") from None
                yield task, alone or (Failure("WorkerDied: its worker process was killed"), [])


def _alone(task: Task) -> Sent | None:
    """Return what a task sends from a process of its own, or None if that is always killed."""
    for _ in range(MAX_RETRIES):
        with suppress(BrokenProcessPool), closing(_pool({0: task}, 1, set(), [])) as results:
            return next(results)[1]
    return None


def _check_here(workers: int) -> None:
    """Raise ValueError where this process cannot have workers."""
    if multiprocessing.current_process().daemon:
        raise invalid("workers", workers, "1 in a daemonic process, which may not start others")
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and script and not os.path.isfile(script):
        allowed = f"1 in a script that is no file for workers to read, too, but {script}"
        raise invalid("workers", workers, allowed)


def _check_start(workers: int, started: Sequence[SpawnProcess]) -> None:
    """Raise if worker processes that have ended could not even start."""
    for process in started:
        process.join()
    ends = {process.exitcode for process in started}
    # A pool that breaks ends its processes, and waits for them in a thread of its own: how they
    # would have ended may be lost. Nobody ends a process that is started to learn it.
    if not any(end and end > 0 for end in ends):
        ends = {_end_of_another()}
    if UNGUARDED in ends:
        guard = 'if __name__ == "__main__":'
        allowed = f"1 where a script does not begin its work under {guard} as workers run it, too"
        raise invalid("workers", workers, allowed) from None
    # Python's own end after an error, which it has printed; a kill has a negative number.
    if ends & {1, 2}:
        raise WorkerDied("worker processes cannot start; why stands above") from None


def _end_of_another() -> int | None:
    """Return how a process ends that starts as a worker does, and has nothing to do."""
    process = SpawnProcess(name=NAME, target=_depend_on_the_parent)
    with _as_workers():
        process.start()
    try:
        process.join()
    finally:
        process.terminate()
    return process.exitcode


def _pool(
    tasks: Mapping[int, Task], workers: int, begun: set[int], started: list[SpawnProcess]
) -> Results:
    """Run tasks in a pool; note in `begun` which it was told of, and its processes, too."""

    def process(**options: Any) -> SpawnProcess:
        started.append(SpawnProcess(name=f"{NAME}-{len(started) + 1}", **options))
        return started[-1]

    context: Any = SpawnContext()
    context.Process = process
    pool = ProcessPoolExecutor(workers, context, initializer=_depend_on_the_parent)
    left, numbers = iter(list(tasks.items())), dict[Future[Sent], int]()

    def submit(count: int) -> None:
        for number, task in islice(left, count):
            begun.add(number)
            packed = _packed(task)
            with _as_workers():
                numbers[pool.submit(_do, packed)] = number

    try:
        submit(workers * PREFETCH)
        while numbers:
            for future in wait(numbers, return_when=FIRST_COMPLETED).done:
                number = numbers.pop(future)
                sent = future.result()
                submit(1)
                yield number, sent
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        for each in started:
            each.terminate()
        if isinstance(error, _Unknown):
            allowed = f"1 for what other processes cannot import from a module ({error})"
            raise invalid("workers", workers, allowed) from None
        raise
    finally:
        pool.shutdown()


class _Unknown(Exception):
    """A task cannot be told to another process, or is not understood there."""


def _packed(task: Task) -> bytes:
    try:
        return pickle.dumps(task)
    except Exception as error:
        raise _Unknown(described(error)) from None


def _do(packed: bytes) -> Sent:
    """Do a task in a worker process."""
    try:
        task: Task = pickle.loads(packed)
    except Exception as error:
        raise _Unknown(described(error)) from None
    return do(task)


@contextmanager
def _as_workers() -> Iterator[None]:
    """Let a process that starts meanwhile inherit what a worker must."""
    with _STARTING, _one_thread_each(), _any_start_method(), _no_ctrl_c():
        yield


@contextmanager
def _any_start_method() -> Iterator[None]:
    """Leave the choice of a start method to the user: the first process that starts makes it."""
    before = multiprocessing.get_start_method(allow_none=True)
    try:
        yield
    finally:
        if before is None:
            multiprocessing.set_start_method(None, force=True)


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


@contextmanager
def _one_thread_each() -> Iterator[None]:
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
