"""What workers do, and what comes of it."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from replica.errors import BadArgument

Line = dict[str, Any]
Lines = list[Line]


class Task(Protocol):
    """What a worker process can do: an experiment, or anything like it that can be pickled."""

    def run(self) -> Lines:
        """Return lines of a table."""


@dataclass(frozen=True)
class Failure:
    """What a task raised, in one line."""

    error: str


Outcome = Lines | Failure

#: What a worker sends: lines or failure, and the warnings of this package on the way.
Sent = tuple[Outcome, list[tuple[type[Warning], str]]]

#: Numbers of tasks, and what was sent, as workers finish them.
Results = Generator[tuple[int, Sent], None, None]


def do(task: Task) -> Sent:
    """Do a task where the caller is, and return what is to be sent."""
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


def described(error: BaseException) -> str:
    """Return an exception in one line, by its kind unless it is a refusal, which says it all."""
    if isinstance(error, BadArgument):
        return " ".join(str(error).split())
    return " ".join(f"{type(error).__name__}: {error}".split())
