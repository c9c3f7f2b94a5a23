"""One row of one given model: the couplings of all its sites, and which of them is masked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np

from replica.arrays import Matrix
from replica.immutable import Immutable, keep
from replica.problem.data_model import checked_colors
from replica.validation import integer, invalid, numbers, real

#: How far from symmetric couplings may be, relative to the largest of them.
_SYMMETRIC = 1e-9

#: The largest |βJ| of a pair, whose tokens then are one token but for e^-50.
_STRONGEST = 50.0

#: Sites of the largest model, whose covariance takes minutes.
MOST_SITES = 10_000


@dataclass(frozen=True, eq=False)
class GivenModel(Immutable):
    """P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·s_j) with the couplings that are given.

    Parameters
    ----------
    couplings : array (sites, sites)
        J, symmetric up to rounding and with zero diagonal, of three sites or more.
    colors : int
        C, from 2 to 100000.
    beta : float
        β, with |β J_ij| of at most 50.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    couplings: Matrix
    colors: int
    beta: float

    def __post_init__(self) -> None:
        keep(self, couplings=checked_couplings(self.couplings))
        keep(self, colors=checked_colors(self.colors, 2), beta=real("beta", self.beta))
        if not self.strongest <= _STRONGEST:
            largest = f"its largest is {self.strongest:.3g}"
            allowed = f"such that |beta J| is {_STRONGEST:g} or less; {largest}"
            raise invalid("beta", self.beta, allowed)
        super().__post_init__()

    @property
    def sites(self) -> int:
        """L."""
        return len(self.couplings)

    @cached_property
    def strongest(self) -> float:
        """The largest |β J_ij|."""
        return abs(self.beta) * float(np.abs(self.couplings).max())

    @property
    def teacher(self) -> Matrix:
        """β J: row i holds the weights w* that generate token i."""
        return np.asarray(self.beta * self.couplings)

    @cached_property
    def digest(self) -> str:
        """What stands for the couplings in a table, as they are too many."""
        # A zero has no sign here.
        content = (self.couplings + 0.0).astype("<f8").tobytes()
        return "sha256:" + sha256(content).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GivenModel) and (
            self is other or (self._content == other._content)
        )

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[str, int, float]:
        return self.digest, self.colors, self.beta


@dataclass(frozen=True)
class RowCouplings:
    """One row of a given model.

    Parameters
    ----------
    model : GivenModel
        The model, which its rows share.
    row : int
        The masked site, from 0 to L - 1.

    Raises
    ------
    ValueError
        If there is no such site.
    """

    model: GivenModel
    row: int

    name: ClassVar[str] = "couplings"

    def __post_init__(self) -> None:
        keep(self, row=integer("row", self.row, 0, self.model.sites - 1))

    @property
    def colors(self) -> int:
        """C."""
        return self.model.colors

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table, the couplings by a digest."""
        model = self.model
        return {
            "couplings": model.digest,
            "colors": model.colors,
            "beta": model.beta,
            "row": self.row,
        }


def rows_of(model: GivenModel, rows: Any = None) -> tuple[RowCouplings, ...]:
    """Return rows of one model, all of them if None, or raise ValueError."""
    if rows is None:
        rows = range(model.sites)
    allowed = f"distinct integers from 0 to {model.sites - 1}"
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise invalid("rows", rows, allowed)
    found = tuple(RowCouplings(model, row) for row in rows)
    if not found or len({each.row for each in found}) < len(found):
        raise invalid("rows", [each.row for each in found], allowed)
    return found


def checked_couplings(value: Any, name: str = "couplings") -> Matrix:
    """Return couplings as a symmetric matrix without diagonal, or raise ValueError naming them."""
    allowed = "a symmetric matrix of finite numbers with zero diagonal, of 3 x 3 or more"
    J = numbers(name, value, allowed)
    if J.ndim != 2 or J.shape[0] != J.shape[1] or len(J) < 3:
        raise invalid(name, f"array of shape {J.shape}", allowed)
    if len(J) > MOST_SITES:
        raise invalid(name, f"array of shape {J.shape}", f"of {MOST_SITES} sites or fewer")
    for k in np.flatnonzero(np.diagonal(J)):
        raise invalid(name, f"array with {J[k, k]:.6g} at [{k}, {k}]", allowed)
    size = float(np.abs(J).max())
    # Half of each before they meet: their sum may overflow where they do not.
    apart = np.abs(0.5 * J - 0.5 * J.T)
    if apart.max() > 0.5 * _SYMMETRIC * size:
        i, j = sorted(np.unravel_index(int(apart.argmax()), J.shape))
        shown = f"array with {J[i, j]:.6g} at [{i}, {j}] and {J[j, i]:.6g} at [{j}, {i}]"
        raise invalid(name, shown, allowed)
    return np.asarray(0.5 * J + 0.5 * J.T)
