"""The text form of problems, and the manners all commands share."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib import metadata
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from replica.arguments import BadArgument, MissingExtra, integer, one_of, positive, real, refusal
from replica.data import DATA_MODELS, DataModel
from replica.numerals import numeral
from replica.problem import LOSSES, Problem

#: Exit statuses of every command.
CONVERGED, NOT_CONVERGED, BAD_ARGUMENTS, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143

#: Points of one command.
MOST_POINTS = 10_000_000

Item = TypeVar("Item")


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which batch systems end what ran out of time, ends a command like Ctrl-C."""


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Print the message in one line to stderr and exit with status 2."""
        one_line = " ".join(message.split())
        self.exit(BAD_ARGUMENTS, f"{self.prog}: {one_line}\n")


def number(text: str) -> int | float | str:
    """Return the number that `text` spells, or `text` itself for a later check to refuse."""
    value = numeral(text)
    return text if value is None else value


def alpha_grid(text: str, log: bool = False) -> list[float]:
    """Return the sample ratios that `text` stands for.

    Parameters
    ----------
    text : str
        A list such as "1,2,4", or "start:stop:count".
    log : bool
        Space the values of start:stop:count geometrically.

    Raises
    ------
    ValueError
        If the text is neither, or a value is not allowed.
    """
    if ":" not in text:
        if log:
            raise refusal("alpha", text, "start:stop:count where --log is given")
        return [positive("alpha", number(part.strip())) for part in text.split(",")]
    parts = [number(part.strip()) for part in text.split(":")]
    if len(parts) != 3 or any(isinstance(part, str) for part in parts):
        raise refusal("alpha", text, "a list such as 1,2,4 or start:stop:count")
    start, stop = positive("alpha start", parts[0]), positive("alpha stop", parts[1])
    count = integer("alpha count", parts[2], 1)
    if count > MOST_POINTS:
        raise refusal("alpha count", count, f"{MOST_POINTS} or less")
    if count == 1 and start != stop:
        raise refusal("alpha count", count, "2 or greater where start and stop differ")
    space = np.geomspace if log else np.linspace
    values = [float(value) for value in space(start, stop, count)]
    # Both ends exactly as they were given.
    values[0], values[-1] = start, stop
    return values


def matrix(name: str, text: str) -> list[list[float]]:
    """Return the matrix that `text` stands for: circulant:FIRST,ROW or the name of a file.

    Raises
    ------
    ValueError
        If the text is neither.
    """
    kind, _, row = text.partition(":")
    if kind == "circulant" and row:
        values = [real(name, number(part.strip())) for part in row.split(",")]
        return [values[-i:] + values[:-i] for i in range(len(values))]
    try:
        lines = Path(text).read_text(encoding="utf-8").split("\n")
        return [
            [_entry(x) for x in line.replace(",", " ").split()] for line in lines if line.strip()
        ]
    except (OSError, ValueError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else error
        allowed = f"circulant:1,0.5,0.5 or a file with one row of numbers per line ({why})"
        raise refusal(name, text, allowed) from None


def _entry(text: str) -> float:
    value = numeral(text)
    if value is None:
        raise ValueError(f"{text[:40]!r} is no number")
    return float(value)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe the data."""
    parser.add_argument("--data", default="potts", help="one of " + ", ".join(DATA_MODELS))
    parser.add_argument("--colors", type=number, metavar="C",
                        help="number of token values, 2 or more")  # fmt: skip
    parser.add_argument("--beta", type=number,
                        help="inverse temperature of potts data, |beta| < C")  # fmt: skip
    parser.add_argument("--similarity", metavar="U",
                        help="similarity of colours of potts data: circulant:1,0.5,0,0.5 or a "
                        "file with one row per line")  # fmt: skip
    parser.add_argument("--coupling-norm", type=number, metavar="NORM",
                        help="norm of the true row of independent data, 0 or more")  # fmt: skip
    parser.add_argument("--shift", type=number, metavar="KAPPA",
                        help="kappa of gaussian data, precision kappa I + X")  # fmt: skip
    parser.add_argument("--joint", action="store_const", const=True,
                        help="gaussian data in whole sequences")  # fmt: skip
    parser.add_argument("--covariance", metavar="FILE",
                        help="cavity covariance of custom data, one row per line")  # fmt: skip
    parser.add_argument("--teacher", metavar="FILE",
                        help="true row of custom data, in one or more lines")  # fmt: skip


def add_loss_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the loss."""
    parser.add_argument("--loss", help=f"{' or '.join(LOSSES)} (the first that the data allow)")


def add_alpha_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that list sample ratios."""
    parser.add_argument("--alpha", required=True,
                        help="sample ratio M/L: a list 1,2,4 or start:stop:count")  # fmt: skip
    parser.add_argument("--log", action="store_true",
                        help="space start:stop:count geometrically")  # fmt: skip


def add_problem_options(parser: argparse.ArgumentParser, lam: str = "0 or greater") -> None:
    """Add the options that describe a family of problems along alpha."""
    add_data_options(parser)
    add_loss_option(parser)
    parser.add_argument("--lam", type=number, required=True,
                        help=f"weight decay, {lam}")  # fmt: skip
    add_alpha_options(parser)


def data_model(arguments: argparse.Namespace) -> DataModel:
    """Return the data that parsed options describe, and refuse options of other data."""
    model = DATA_MODELS[one_of("data", arguments.data, DATA_MODELS)]
    takes = signature(model).parameters
    given: dict[str, Any] = {}
    for name, read in _DATA_OPTIONS.items():
        value = getattr(arguments, name)
        if value is not None:
            if name not in takes:
                raise refusal(name, value, f"left out with --data {arguments.data}")
            given[name] = read(name, value)
        elif name in takes and takes[name].default is Parameter.empty:
            raise refusal(name, value, f"given with --data {arguments.data}")
    return model(**given)


def digests(arguments: argparse.Namespace, *names: str) -> dict[str, str]:
    """Return what stands for the numbers of matrices that are too long to be kept."""
    found = {}
    for name in names:
        numbers = repr(matrix(name, getattr(arguments, name)))
        found[name] = "sha256 " + sha256(numbers.encode()).hexdigest()
    return found


def _as_it_is(name: str, value: Any) -> Any:
    return value


def _vector(name: str, text: str) -> list[float]:
    return [value for row in matrix(name, text) for value in row]


#: Options that describe data, and how their values are read.
_DATA_OPTIONS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("colors", "beta", "coupling_norm", "shift", "joint"), _as_it_is),
    **dict.fromkeys(("similarity", "covariance"), matrix),
    "teacher": _vector,
}


def problems(arguments: argparse.Namespace) -> list[Problem]:
    """Return the problems that parsed options describe, one per alpha, in the order given."""
    data = data_model(arguments)
    loss = data.losses[0] if arguments.loss is None else arguments.loss
    return [
        Problem(alpha, arguments.lam, data, loss)
        for alpha in alpha_grid(arguments.alpha, arguments.log)
    ]


def at_best_or_given_lam(options: argparse.Namespace) -> tuple[list[Problem], bool]:
    """Return the problems along alpha, and whether their weight decay is to be the best."""
    optimal = options.lam == "optimal"
    return problems(
        argparse.Namespace(**{**vars(options), "lam": 1.0 if optimal else options.lam})
    ), optimal


def run(
    parser: Parser,
    argv: Sequence[str] | None,
    work: Callable[[argparse.Namespace, str], int],
) -> int:
    """Parse the command line, do the work and return the exit status.

    A refused argument, or a package that is missing, is a bad command line; warnings become
    one line each, and so does what the machine refuses: memory, or room on a disk; Ctrl-C and
    SIGTERM end cleanly.

    Parameters
    ----------
    parser : Parser
        The parser of the command.
    argv : sequence of str or None
        The arguments; None takes those of the process.
    work : callable
        Called with the parsed options and the command line as text.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed: nobody wants to read it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    version = metadata.version("replica-attention")
    parser.add_argument("--version", action="version", version=f"{parser.prog} {version}")
    options = parser.parse_args(_attached(words))
    warnings.showwarning = lambda message, *_: say(f"{parser.prog}: warning: {message}")
    try:
        with _sigterm_ends_like_ctrl_c():
            status = work(options, shlex.join([parser.prog, *words]))
            sys.stdout.flush()
            return status
    except (BadArgument, MissingExtra) as error:
        say(f"{parser.prog}: {error}")
        return BAD_ARGUMENTS
    except Terminated:
        say(f"{parser.prog}: terminated")
        return TERMINATED
    except KeyboardInterrupt:
        say(f"{parser.prog}: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        return NOT_CONVERGED
    except (OSError, MemoryError, Warning) as error:
        # The machine's fault, not the program's; a warning is one where Python was told so.
        say(f"{parser.prog}: {' '.join(str(error).split()) or type(error).__name__}")
        return NOT_CONVERGED
    finally:
        _give_up_broken_output()


def _give_up_broken_output() -> None:
    """Let nothing wait that the output does not take: Python would try again at its end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


@contextmanager
def _sigterm_ends_like_ctrl_c() -> Iterator[None]:
    def terminate(*_: object) -> NoReturn:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def cores() -> int:
    """Return the number of processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def say(message: str) -> None:
    """Print one line to stderr, if there is one that takes it."""
    with suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """Yield the items, with a bar on stderr if that is a terminal and the run is not short."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield from items
        return
    start = drawn = time.monotonic()
    try:
        for done, item in enumerate(items, start=1):
            yield item
            now = time.monotonic()
            if now - start > 1 and (now - drawn > 0.2 or done == total):
                drawn = now
                left = (now - start) * (total - done) / done
                bar = "#" * (30 * done // total)
                _draw(f"\r{label} [{bar:<30}] {done}/{total}, {left:.0f} s left ")
    finally:
        if drawn != start:
            _draw("\n")


def _draw(text: str) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _attached(words: Sequence[str]) -> list[str]:
    # argparse takes "-1e-3" and "-1,2" for options unless they are attached to theirs.
    joined: list[str] = []
    for word in words:
        if joined and re.match(r"-[\d.]", word) and re.fullmatch(r"--[a-z-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
