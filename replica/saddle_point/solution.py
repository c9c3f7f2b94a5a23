"""The solution of one problem, and the error of one that did not converge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from replica.arrays import Vector
from replica.immutable import Immutable
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.tables.columns import COLUMNS, KNOWN, OBSERVABLES
from replica.tables.html import values_html
from replica.validation import invalid

#: Columns of the cross-entropy.
_CALIBRATION = ("temperature", "calibrated_loss")

#: Letters that notebooks show for names.
_SYMBOLS = {"alpha": "α = M/L", "lam": "λ", "beta": "β", "colors": "C"}

#: What a solution fills of the others, where it knows them and they are finite.
_FOUND = (*(name for name in OBSERVABLES if name not in _CALIBRATION), "V", "residual")

#: And of masks.
_MASKED_CALIBRATION = tuple(f"masked_{name}" for name in _CALIBRATION)

#: A number, or with several modes an array. To a type checker it is a number, as in ordinary
#: problems; `isinstance(solution.m, np.ndarray)` tells it of the other.
Order = float | Any


@dataclass(frozen=True, eq=False)
class Solution(Immutable):
    """Order parameters and observables of one problem, in the limit of long sequences.

    Losses are per masked token, in nats for the cross-entropy. With several colour modes m, q,
    V and their conjugates are arrays, one entry per distinct eigenvalue of the similarity U on
    the vectors orthogonal to 1 = (1, ..., 1), in increasing order. The eigenvalue of 1 itself,
    which no loss sees, has none unless others share it: U = circulant:1,0.5,0,0.5 with the
    eigenvalues 0, 1 and 2 has entries for 0 and 1. At 0 m, q and V vanish. Of moments,
    where colours are not alike, m (colors, colors) is the mean of the fields given each token, q
    and V (colors, colors, colors) are their covariance and local variance. See THEORY.md for the
    definitions.

    Attributes
    ----------
    problem : Problem
        What was solved.
    m, q, V : float or array
        Overlap w*ᵀGw with the true row, own overlap wᵀGw, and local variance.
    m_hat, q_hat, V_hat : float or array
        Their conjugates.
    test_loss, train_loss : float
        Loss on fresh and on training sequences, without the penalty.
    optimal_loss : float
        The test loss of the true conditional law.
    error_rate : float
        Probability that the most likely colour is not the masked one.
    coupling_error : float
        |w - w*|² / |w*|²; NaN where β = 0.
    masked_test_loss, masked_error_rate : float
        Test loss and error rate on contexts with masks of the training's rate; NaN without any.
    norm2 : float
        |w|².
    coordinates : array or None
        The conjugates as the solver holds them, where `m_hat`, `q_hat` and `V_hat` are not all of
        them, as with masks that of |w|².
    status : Status
        "converged", or how the solution failed: "max-steps", "diverged", "not-finite" or
        "below-threshold". It is such a text, and has a `sentence` on what it means.
    residual : float
        Largest relative change of any order parameter that one more undamped evaluation of
        the saddle-point map would make.
    evaluations : int
        Evaluations of the map that were spent.
    quadrature_error : float
        Bound on the relative error of m, q, V, the losses, error rate and coupling error:
        their distance to the solution with a finer quadrature.
    told : mapping
        The numbers m, q and V that tables have where these are arrays of colours: by how much the
        logit of the masked colour exceeds the mean of the others, and the means of the variances
        of a colour difference; nothing elsewhere.
    temperature : float
        T with which softmax(h/T) predicts best, of the cross-entropy: above one where training
        leaves a row overconfident, as little weight decay does; else NaN. Infinite without a
        teacher. Its relative error is that of m and q together.
    calibrated_loss : float
        The test loss of softmax(h/T), as accurate as the test loss.
    masked_temperature, masked_calibrated_loss : float
        The same of contexts with masks of the training's rate, which take a temperature of their
        own; NaN without any.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5)))
    >>> round(solution.m, 4), round(solution.q, 4), round(solution.V, 4)
    (0.6206, 1.1306, 0.8894)
    >>> solution.status, solution.residual < 1e-10, solution.quadrature_error < 1e-8
    ('converged', True, True)
    """

    problem: Problem
    m: Order = math.nan
    q: Order = math.nan
    V: Order = math.nan
    m_hat: Order = math.nan
    q_hat: Order = math.nan
    V_hat: Order = math.nan
    test_loss: float = math.nan
    train_loss: float = math.nan
    optimal_loss: float = math.nan
    error_rate: float = math.nan
    coupling_error: float = math.nan
    masked_test_loss: float = math.nan
    masked_error_rate: float = math.nan
    norm2: float = math.nan
    coordinates: Vector | None = None
    status: Status = Status.NOT_FINITE
    residual: float = math.nan
    evaluations: int = 0
    quadrature_error: float = math.nan
    told: Mapping[str, float] = field(default_factory=dict)
    temperature: float = math.nan
    calibrated_loss: float = math.nan
    masked_temperature: float = math.nan
    masked_calibrated_loss: float = math.nan

    @property
    def converged(self) -> bool:
        """Whether `status` is "converged"."""
        return self.status == Status.CONVERGED

    @property
    def excess_loss(self) -> float:
        """Test loss above the optimal loss."""
        return self.test_loss - self.optimal_loss

    @property
    def miscalibration(self) -> float:
        """The part of the excess loss that the best temperature removes."""
        return self.test_loss - self.calibrated_loss

    @property
    def calibrated_excess(self) -> float:
        """The part of the excess loss that remains at the best temperature."""
        return self.calibrated_loss - self.optimal_loss

    def line(self) -> dict[str, Any]:
        """Return the solution as a line of a table (`replica.tables.COLUMNS`)."""
        line = {"source": "theory", **self.problem.columns()}
        known = {**vars(self), "excess_loss": self.excess_loss, **self.told}
        for name in _FOUND:
            if name in known and _finite(known[name]):
                line[name] = known[name]
        line["status"] = str(self.status)
        line["evaluations"] = self.evaluations
        for name in behind(self.problem):
            line[name] = self._or_none(name)
        return line

    def _or_none(self, name: str) -> float | None:
        value: float = getattr(self, name)
        return value if math.isfinite(value) else None

    def values(self, line: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the solution by name, as JSON can hold it: None for NaN, lists for arrays.

        The names are those of `line` without its source, and `quadrature_error`; they are there
        whether the solution converged or not. Another `line` of this solution may take the place
        of its own.
        """
        line = self.line() if line is None else line
        known = {name: line.get(name) for name in COLUMNS if not KNOWN[name].finite} | line
        del known["source"]
        error = self.quadrature_error
        known["quadrature_error"] = error if math.isfinite(error) else None
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in known.items()
        }

    def _repr_html_(self) -> str:
        values = {_SYMBOLS.get(name, name): value for name, value in self.values().items()}
        return values_html(values, f"{self.status}: {self.status.sentence}")

    def __str__(self) -> str:
        """Return `values` a line each, as `replica solve` prints them."""
        return listed(self.values())


def listed(values: dict[str, Any]) -> str:
    """Return values by name, a line each."""
    width = max(map(len, values))
    shown = {
        name: f"{value:.10g}" if isinstance(value, float) else "-" if value is None else value
        for name, value in values.items()
    }
    return "\n".join(f"{name:<{width}}  {value}" for name, value in shown.items())


def behind(problem: Problem) -> tuple[str, ...]:
    """Return the columns of a line behind those of every table, empty or not."""
    if problem.loss != "cross-entropy":
        return ()
    return _CALIBRATION if problem.masking is None else (*_CALIBRATION, *_MASKED_CALIBRATION)


def public(values: Vector) -> Order:
    """Return order parameters as a solution holds them: a number where there is one mode."""
    return float(values[0]) if values.size == 1 else values


def vector(value: Order) -> Vector:
    """Return order parameters of a solution, or one number, as the equations take them."""
    # A copy, as kernels would be compiled once more for arrays that are read-only.
    return np.array(value, dtype=float, ndmin=1)


def _finite(value: Order) -> bool:
    return math.isfinite(value) if isinstance(value, float) else bool(np.isfinite(value).all())


def answer(solution: Any) -> Solution:
    """Return `solution` if it is a converged one, or raise ValueError."""
    if not isinstance(solution, Solution) or not solution.converged:
        raise invalid("solution", getattr(solution, "status", solution), "a converged Solution")
    return solution
