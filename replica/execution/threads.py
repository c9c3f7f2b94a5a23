"""Work of one process in several threads, for kernels that leave the interpreter to others."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from queue import SimpleQueue
from typing import Any, TypeVar

from replica.commandline.terminal import cores
from replica.notices import for_another_thread

Item = TypeVar("Item")

#: Makes the items of a part when it is called.
Part = Callable[[], Iterable[Item]]


def spare_threads() -> int:
    """Return the number of threads for work that nobody has given one.

    One in a process that another has started, which has others beside it.
    """
    return 1 if multiprocessing.parent_process() else cores()


def in_threads(parts: Sequence[Part[Item]], threads: int) -> Iterator[Item]:
    """Yield the items of all parts as they are made, with one thread in the order of the parts.

    Within a part the items keep their order. An error ends everything, as does a caller who stops
    early: a thread then ends behind the item that it is at, which nobody waits for.

    Parameters
    ----------
    parts : sequence of callables
        What to do, each from beginning to end in one thread.
    threads : int
        How many.
    """
    count = min(threads, len(parts))
    if count < 2:
        yield from chain.from_iterable(part() for part in parts)
        return
    made: SimpleQueue[tuple[str, Any]] = SimpleQueue()
    left, stopped = iter(parts), threading.Event()
    taking = threading.Lock()

    def work() -> None:
        try:
            while True:
                with taking:
                    part = next(left, None)
                if part is None:
                    break
                for item in part():
                    if stopped.is_set():
                        return
                    made.put(("item", item))
        except BaseException as error:
            made.put(("error", error))
        made.put(("end", None))

    try:
        for _ in range(count):
            # The settings of the caller, such as those of numpy's warnings, hold in threads, too.
            threading.Thread(target=for_another_thread(work), daemon=True).start()
        while count:
            kind, found = made.get()
            if kind == "item":
                yield found
            elif kind == "error":
                raise found
            else:
                count -= 1
    finally:
        stopped.set()
