"""Every exception and kind of warning, and how failures of the operating system are worded."""

from __future__ import annotations

from typing import Any


class BadArgument(ValueError):
    """An argument that is not allowed; the message names it, its value and what is.

    Attributes
    ----------
    name, allowed : str
        Its name and what is allowed, where `replica.validation.invalid` said so.
    """

    name = allowed = ""


class MissingExtra(ImportError):
    """What was asked for needs packages that are not installed; the message names them."""


class ConvergenceError(ArithmeticError):
    """A problem was not solved.

    Attributes
    ----------
    solution : Solution
        The state in which the solver stopped.
    """

    def __init__(self, message: str, solution: Any) -> None:
        super().__init__(message)
        self.solution = solution

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.solution)


class Unwritable(RuntimeError):
    """The table cannot be written any more; what it holds is kept."""


class Removed(RuntimeError):
    """The table is not there any more, nor anything that is written to it."""


class WorkerDied(RuntimeError):
    """Workers were ended from outside, or lost; the results they had delivered are kept."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, by which batch systems end what ran out of time, ends a command like Ctrl-C."""


class Notice(UserWarning):
    """A warning of this package, which a command reports in a line, however Python is set."""


class ParamagnetWarning(Notice):
    """The data may not be paramagnetic, and the theory then does not describe them."""


class FewCouplingsWarning(Notice):
    """Fields are sums of few strong couplings, and not Gaussian as the theory takes them."""


class LocalMinimumWarning(Notice):
    """A value is less than its neighbours, but not than some where there is no minimum."""


class LeftOutWarning(Notice):
    """Points have no place in a picture, which is drawn without them."""


class UncachedWarning(Notice):
    """Compiled code could not be kept on disk, so that other processes compile it again."""


class MountWarning(Notice):
    """A file system lacks what some promise about files takes."""


def reason(error: OSError) -> str:
    """Return the reason that the operating system gives, in a few words."""
    return (error.strerror or str(error)).lower()
