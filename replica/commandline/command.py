"""The shared behaviour of all commands: parsing, warnings, signals, and exit statuses."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches
from importlib import metadata
from typing import Any, NoReturn

from replica.commandline.completion import PrintCompletion
from replica.commandline.guard import leave_if_starting
from replica.commandline.terminal import say
from replica.errors import BadArgument, MissingExtra, Notice, Terminated

#: Exit statuses of every command.
CONVERGED, NOT_CONVERGED, BAD_ARGUMENTS, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line, and names what was probably meant."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)
        self._words: Sequence[str] = ()

    def add_argument(self, *names: Any, **options: Any) -> argparse.Action:
        """Add an argument, of which the help says if it is required."""
        told = options.get("help")
        if options.get("required") and told and told != argparse.SUPPRESS:
            options["help"] = f"{told}; required"
        return super().add_argument(*names, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse words as argparse does, and remember them for refusals."""
        self._words = list(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown and self._subparsers is None:
            # Here, where the options are known that may have been meant.
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Print the message in one line to stderr and exit with status 2."""
        one_line = " ".join([*message.split(), *self._meant()])
        self.exit(BAD_ARGUMENTS, f"{self.prog}: {one_line}\n")

    def _meant(self) -> Iterator[str]:
        """Yield a hint for each option, or for the command, that is none but resembles one."""
        known = {name: action for name, action in self._option_string_actions.items()
                 if action.help != argparse.SUPPRESS}  # fmt: skip
        given = [word.partition("=")[0] for word in self._words if word.startswith("--")]
        unknown = [word for word in given if word not in self._option_string_actions]
        pairs = [(word, list(known)) for word in unknown]
        if self._subparsers is not None and self._words:
            pairs += [(self._words[0], list(a.choices)) for a in self._actions
                      if a.choices and not a.option_strings]  # fmt: skip
        for word, names in pairs:
            near = get_close_matches(word, names, n=1) if word not in names else []
            yield from (f"({word}: did you mean {name}?)" for name in near)


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
    leave_if_starting()
    words = list(sys.argv[1:] if argv is None else argv)
    version = metadata.version("replica-attention")
    parser.add_argument("-V", "--version", action="version", version=f"{parser.prog} {version}")
    parser.add_argument("--print-completion", action=PrintCompletion)
    with _streams():
        return _worked(parser, words, work)


def _worked(
    parser: Parser, words: Sequence[str], work: Callable[[argparse.Namespace, str], int]
) -> int:
    options = parser.parse_args(_attached(words))
    try:
        with _sigterm_ends_like_ctrl_c(), _warnings_in_a_line(parser.prog):
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
def _streams() -> Iterator[None]:
    """Let a stream that is closed, which nobody wants to read, take what is written meanwhile."""
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    with ExitStack() as stack:
        for name in closed:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            setattr(sys, name, nowhere)
            stack.callback(setattr, sys, name, None)
        yield


@contextmanager
def _warnings_in_a_line(prog: str) -> Iterator[None]:
    """Say warnings in a line each; those of this package are never errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=Notice)
        warnings.showwarning = lambda message, *_: say(f"{prog}: warning: {message}")
        yield


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


def _attached(words: Sequence[str]) -> list[str]:
    # argparse takes "-1e-3" and "-1,2" for options unless they are attached to theirs.
    joined: list[str] = []
    for word in words:
        if joined and re.match(r"-[\d.]", word) and re.fullmatch(r"--[a-z-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined
