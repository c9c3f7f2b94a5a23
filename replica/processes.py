"""Tasks in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from itertools import islice
from multiprocessing import connection

from replica.arguments import integer
from replica.commandline import say
from replica.errors import WorkerDied
from replica.tasks import Failure, Results, Sent, Task, do

#: Attempts at a task with a process of its own, and tasks in succession that all of them fail:
#: then no worker lives.
_ATTEMPTS, _HOPELESS = 2, 4

#: Tasks that a worker process is told of in advance.
_AHEAD = 2


def in_processes(tasks: Sequence[Task], workers: int) -> Results:
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


def _alone(task: Task) -> Sent | None:
    """Return what a task sends from a process of its own, or None if that is always killed."""
    for _ in range(_ATTEMPTS):
        with suppress(BrokenProcessPool), closing(_pool({0: task}, 1, set())) as results:
            return next(results)[1]
    return None


def _pool(tasks: Mapping[int, Task], workers: int, begun: set[int]) -> Results:
    """Run tasks in a pool, and note in `begun` which it was told of."""
    earlier = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_depend_on_the_parent)
    left, numbers = iter(list(tasks.items())), dict[Future[Sent], int]()

    def submit(count: int) -> None:
        for number, task in islice(left, count):
            begun.add(number)
            with _one_thread_each(), _no_ctrl_c():  # it may start a process
                numbers[pool.submit(do, task)] = number

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
