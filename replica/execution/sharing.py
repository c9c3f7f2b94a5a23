"""How many processes a run gets where nobody says: all cores, unless it is short."""

from __future__ import annotations

import ast
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TypeVar

from replica.commandline.terminal import cores
from replica.errors import BadArgument
from replica.execution.executor import outcomes
from replica.execution.task import Outcome, Task
from replica.validation import integer

AnyTask = TypeVar("AnyTask", bound=Task)

#: Seconds of a short run. Workers start within some two, with their libraries and kernels, so that
#: two of them have done as much as this process behind about five.
_SHORT = 5.0


def asked(workers: int | None) -> int | None:
    """Return the number of processes that was asked for, if one was."""
    return None if workers is None else integer("workers", workers, 1)


def pays(left: int, since: float, expected: float = 0.0) -> bool:
    """Tell whether to share what is left of a run among the cores.

    Parameters
    ----------
    left : int
        Tasks that have not begun.
    since : float
        When the run began, by `time.monotonic`.
    expected : float
        Seconds that it was expected to take on one core, if that is known.
    """
    long = max(expected, time.monotonic() - since) > _SHORT
    return long and left > 1 and cores() > 1 and may_have_workers()


def shared(
    tasks: Sequence[AnyTask], here: Callable[[AnyTask], Outcome], expected: float = 0.0
) -> Iterator[tuple[int, Outcome]]:
    """Yield (number of the task, its outcome): in this process, and on all cores once that pays.

    What workers cannot be given, as an object that only this process knows, is done here.

    Parameters
    ----------
    tasks : sequence of Task
        What to do.
    here : callable
        Does a task in this process.
    expected : float
        Seconds that all take on one core, if that is known.

    Raises
    ------
    replica.errors.WorkerDied
        If workers were ended from outside, again and again.
    """
    left, since, alone = dict(enumerate(tasks)), time.monotonic(), False
    while left:
        if alone or not pays(len(left), since, expected):
            number = next(iter(left))
            yield number, here(left.pop(number))
            continue
        numbers = list(left)
        try:
            for place, outcome in outcomes(list(left.values()), cores()):
                del left[numbers[place]]
                yield numbers[place], outcome
        except BadArgument:
            alone = True


def may_have_workers() -> bool:
    """Tell whether workers can start without running again what the script of this process does.

    Each worker imports that script, and does whatever is not under the guard
    ``if __name__ == "__main__":``. A notebook, an interpreter and a package that is run by its
    name have none that would be imported.
    """
    if multiprocessing.current_process().daemon:
        return False
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    run_by_name = getattr(getattr(main, "__spec__", None), "name", "")
    if script is None or run_by_name.endswith("__main__"):
        return True
    frame = _running(vars(main))
    return frame is not None and _guarded(script, frame.f_lineno)


def _running(names: dict[str, object]) -> FrameType | None:
    """Return the frame of the module with these names, if it is still running in this thread."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not (
        frame.f_globals is names and frame.f_code.co_name == "<module>"
    ):
        frame = frame.f_back
    return frame


def _guarded(script: str, line: int) -> bool:
    """Tell whether a line of a script runs only where the script is not imported."""
    try:
        with open(script, "rb") as file:
            body = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        isinstance(each, ast.If)
        and any(
            isinstance(name, ast.Name) and name.id == "__name__" for name in ast.walk(each.test)
        )
        and each.lineno <= line <= (each.end_lineno or line)
        for each in body
    )
