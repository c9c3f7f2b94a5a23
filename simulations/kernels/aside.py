"""Long calls of other libraries in a thread of their own, so that Ctrl-C is heard meanwhile.

For calls that cannot be split; work of this package's kernels is done in `pieces` instead.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from replica.notices import for_another_thread

Result = TypeVar("Result")

#: Seconds after which a waiting thread looks for signals that it was not woken by.
_LOOK = 0.1


def aside(function: Callable[..., Result], *args: Any, **options: Any) -> Result:
    """Return what a function returns or raises, and hear signals meanwhile.

    The function must let go of Python's lock while it computes. After Ctrl-C it is not waited
    for: its thread does not keep the process from ending.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*args, **options)
    found: Future[Result] = Future()

    def work() -> None:
        try:
            found.set_result(function(*args, **options))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=for_another_thread(work), daemon=True).start()
    return awaited(found)


def awaited(future: Future[Result]) -> Result:
    """Return the result of a future, and hear signals meanwhile.

    The system may give a signal to another thread, which does not wake the one that waits.
    """
    while not wait([future], _LOOK).done:
        pass
    return future.result()
