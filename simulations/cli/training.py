"""The options of `replica-simulate` for rows that are looked at while they are trained."""

from __future__ import annotations

import argparse
from typing import Any

from replica.commandline.parsing import number, values
from replica.problem.schedules import Schedule
from replica.validation import integer, invalid

#: The most steps that a range stands for.
_MOST = 100_000


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of one pass and of gradient descent."""
    parser.add_argument("--rate", type=number, metavar="ETA",
                        help="learning rate of one-pass and descent")  # fmt: skip
    parser.add_argument("--schedule", metavar="NAME",
                        help=f"of one-pass, one of {', '.join(Schedule.kinds)}, as 1/t:2 with its "
                        "span in sequences per site (constant)")  # fmt: skip
    parser.add_argument("--steps", metavar="N",
                        help="steps of descent, a line for each; or a list such as 1,5,20 of those "
                        "that are looked at")  # fmt: skip


def training_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return rate and steps as the experiments take them; what is not given is left out."""
    found: dict[str, Any] = {}
    if arguments.rate is not None:
        found["rate"] = Schedule.from_text(arguments.rate, arguments.schedule or "constant")
    elif arguments.schedule is not None:
        raise invalid("schedule", arguments.schedule, "left out without a rate")
    if arguments.steps is not None:
        found["steps"] = _steps(arguments.steps)
    return found


def training_told(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a sidecar tells of the same."""
    known = {name: getattr(arguments, name) for name in ("rate", "schedule", "steps")}
    return {name: value for name, value in known.items() if value is not None}


def _steps(text: str) -> list[int]:
    listed = [integer("steps", step, 0, _MOST) for step in values("steps", text)]
    return list(range(listed[0] + 1)) if len(listed) == 1 else listed
