"""How the commands that follow a training print or write its course."""

from __future__ import annotations

import argparse
import json
import sys

from replica.commandline.command import CONVERGED, NOT_CONVERGED
from replica.commandline.terminal import say
from replica.predictions.course import Course

#: Seconds from which on it is said before how many a run takes.
_LONG = 10.0


def deliver_course(course: Course, options: argparse.Namespace, command: str) -> int:
    """Print or write a course, and say where it could not be followed any more."""
    if options.out is not None:
        course.to_csv(options.out, command=command, seeds=[])
    if options.json:
        print(json.dumps(course.values(), indent=2))
    elif options.out is None:
        course.write(sys.stdout)
    lost = [line for line in course.lines() if line["status"] != "converged"]
    if not lost:
        return CONVERGED
    first = lost[0]
    where = f"step {first['step']}" if "step" in first else f"alpha = {first['alpha']}"
    say(f"replica: from {where} on the course is not known ({first['status']})")
    return NOT_CONVERGED


def say_long(what: str, seconds: float, more: str = "") -> None:
    """Say beforehand what a run takes, if that is long."""
    if seconds > _LONG:
        say(f"replica: {what} take about {seconds:.0f} s{more}")
