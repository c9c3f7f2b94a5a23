"""Every exception and kind of warning, and how failures of the operating system are worded."""

from __future__ import annotations

from typing import Any


class BadArgument(ValueError):
    """An argument that is not allowed; the message names it, its value and what is."""


class MissingExtra(ImportError):
    """What was asked for needs packages that are not installed; the message names them.

    Examples
    --------
    >>> from simulations import MissingExtra
    >>> issubclass(MissingExtra, ImportError)
    True
    """


def not_installed(name: str | None, extra: str) -> str:
    """Return that a package is missing, and how the README installs it."""
    return f"{name} is not installed: pip install '.[{extra}]' in the project's folder brings it"


class ConvergenceError(ArithmeticError):
    """A problem was not solved.

    Attributes
    ----------
    solution : Solution
        The state in which the solver stopped.

    Examples
    --------
    >>> from replica import ConvergenceError, PottsTokens, Problem, solve
    >>> try:
    ...     solve(Problem(alpha=1.0, lam=0.0, data=PottsTokens(3, 1.5)))
    ... except ConvergenceError as error:
    ...     print(error.solution.status)
    below-threshold
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
    """The data may not be paramagnetic, and the theory then does not describe them.

    Examples
    --------
    >>> import warnings
    >>> from replica import ParamagnetWarning, PottsTokens
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     data = PottsTokens(colors=3, beta=2.9)
    >>> [warning.category is ParamagnetWarning for warning in told]
    [True]
    """


class FewCouplingsWarning(Notice):
    """Fields are sums of few strong couplings, and not Gaussian as the theory takes them.

    Losses are then wrong by about what it says, and a test loss may be below the optimal loss.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from replica import FewCouplingsWarning, Problem, RowTokens, solve
    >>> chain = np.eye(30, k=1) + np.eye(30, k=-1)
    >>> row = RowTokens.from_couplings(chain, 15, colors=3, beta=0.8)
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     solution = solve(Problem(2.0, 0.1, row))
    >>> [warning.category is FewCouplingsWarning for warning in told]
    [True]
    """


class LocalMinimumWarning(Notice):
    """A value is less than its neighbours, but not than some where there is no minimum.

    Examples
    --------
    >>> import warnings
    >>> from replica import LocalMinimumWarning, PottsTokens, Problem, optimal_masking
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", LocalMinimumWarning)  # or be told, and go on
    ...     masking, best = optimal_masking(Problem(2.0, 0.1, PottsTokens(3, 1.5)), "dynamic")
    >>> round(masking.rate, 2)
    0.84
    """


class LeftOutWarning(Notice):
    """Points have no place in a picture, which is drawn without them."""


class UncachedWarning(Notice):
    """Compiled code could not be kept on disk, so that other processes compile it again.

    Examples
    --------
    >>> import warnings
    >>> from replica import PottsTokens, Problem, UncachedWarning, solve
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", UncachedWarning)  # as where no folder may be written to
    ...     solution = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))
    """


class MountWarning(Notice):
    """A file system lacks what some promise about files takes."""


def reason(error: OSError) -> str:
    """Return the reason that the operating system gives, in a few words."""
    return (error.strerror or str(error)).lower()
