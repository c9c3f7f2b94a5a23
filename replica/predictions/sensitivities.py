"""How the observables of a solution change with every parameter of its problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.errors import BadArgument, Notice
from replica.immutable import Immutable
from replica.notices import unwanted
from replica.predictions.differences import Derivative, derivative
from replica.problem import DataModel, Problem, RowTokens
from replica.problem.row_couplings import RowCouplings
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps, conjugates_of
from replica.saddle_point.observables import losses_at, optimal_loss_at, rates_at
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Order, Solution, answer, public, vector
from replica.validation import invalid

#: Change of a logarithm within which everything is smooth, and that of a rough derivative.
_SMOOTH, _ROUGH = 0.03, 1e-3

#: How far a parameter may move, relative to it, and how often this is shortened where it would
#: leave its range; the share of a step that first tells how fast everything changes.
_SHARE, _TRIES, _PROBE = 0.1, 14, 1e-6

#: Rounds in which the slope of the fixed point is improved, until it changes by less.
_ROUNDS, _CLOSE = 4, 1e-4

#: Coordinates up to which their Jacobian is measured.
_MOST = 150

#: Observables that are one number, as `_extended` lists them.
_SCALARS = (
    "test_loss", "train_loss", "error_rate", "coupling_error", "optimal_loss", "temperature",
    "calibrated_loss",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sensitivities(Immutable, Mapping[str, Mapping[str, Order]]):
    """Derivatives of observables in parameters: `found["test_loss"]["lam"]` is d test_loss / d lam.

    Attributes
    ----------
    solution : Solution
        At which they are taken.
    derivatives : mapping of str to mapping of str to float or array
        By observable, then by parameter; arrays where the observable is one.
    errors : mapping of str to mapping of str to float or array
        Estimate of the absolute error of each: what finer differences and a finer quadrature
        change.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, sensitivities, solve
    >>> found = sensitivities(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5))))
    >>> round(found["test_loss"]["lam"], 4)
    -0.9059
    >>> found.errors["test_loss"]["lam"] < 1e-6
    True
    """

    solution: Solution
    derivatives: Mapping[str, Mapping[str, Order]]
    errors: Mapping[str, Mapping[str, Order]]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters: alpha, lam, and those of the data that are continuous."""
        return tuple(next(iter(self.derivatives.values())))

    def __getitem__(self, observable: str) -> Mapping[str, Order]:
        return self.derivatives[observable]

    def __iter__(self) -> Iterator[str]:
        return iter(self.derivatives)

    def __len__(self) -> int:
        return len(self.derivatives)


def sensitivities(solution: Solution) -> Sensitivities:
    """Return the derivatives of all observables in alpha, lam and the parameters of the data.

    The fixed point x = F(x, θ) of the saddle-point equations moves by the implicit function
    theorem, dx/dθ = (1 - F_x)^{-1} F_θ, and takes every observable with it (THEORY.md, section
    12). No problem is solved again: the price is a few dozen evaluations of the equations.

    Parameters
    ----------
    solution : Solution
        A converged solution.

    Returns
    -------
    Sensitivities
        Derivatives of test_loss, train_loss, optimal_loss, excess_loss, error_rate,
        coupling_error, m, q, V, temperature and calibrated_loss, each in alpha, lam, and
        beta, coupling_norm or shift; NaN where the observable is. At coupling_norm = 0
        they are those from the right.

    Raises
    ------
    ValueError
        If the solution did not converge, or is one of masks.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, sensitivities, solve
    >>> solution = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5)))
    >>> slopes = sensitivities(solution)["test_loss"]
    >>> [round(slopes[name], 4) for name in ("alpha", "lam", "beta")]
    [-0.041, -0.9059, -0.3056]
    """
    problem = answer(solution).problem
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for derivatives")
    return _Differentiated(solution).sensitivities()


class _Differentiated:
    """The equations around one solution, and the Jacobian of gap and observables there."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self.problem = solution.problem
        self.saddle = SaddlePoint(self.problem)
        hats = (solution.m_hat, solution.q_hat, solution.V_hat)
        m, q, V = map(vector, (solution.m, solution.q, solution.V))
        order = Overlaps(m, q, V, math.nan, math.nan)
        self.x = self.saddle.couplings.coordinates(Conjugates(*map(vector, hats)), order)
        self.size = self.x.size
        if self.size > _MOST:
            raise invalid("colors", self.problem.data.colors, "at most 5 where they are not alike")
        jacobian = np.stack([self._along(axis) for axis in np.eye(self.size)], axis=1)
        #: How the observables follow a gap that is closed again: -obs_x (F_x - 1)^{-1}.
        gap, seen = jacobian[: self.size], jacobian[self.size :]
        self.inverse: Matrix = -np.asarray(np.linalg.inv(gap))
        self.closing: Matrix = seen @ self.inverse

    def sensitivities(self) -> Sensitivities:
        """Return the derivatives in every parameter."""
        derivatives: dict[str, dict[str, Order]] = {}
        errors: dict[str, dict[str, Order]] = {}
        names = ("alpha", "lam", *continuous(self.problem.data))
        for name in names:
            # What is told of a neighbour is nothing to tell here.
            with unwanted(Notice):
                found = self._total(name)
            for observable, (value, error) in self._named(found).items():
                derivatives.setdefault(observable, {})[name] = value
                errors.setdefault(observable, {})[name] = error
        return Sensitivities(self.solution, derivatives, errors)

    def _named(self, found: Derivative) -> dict[str, tuple[Order, Order]]:
        """Return derivatives and errors by the name of the observable."""
        order = self.saddle.overlaps(self.x)
        named: dict[str, tuple[Order, Order]] = {}
        start = 0
        for name in ("m", "q", "V"):
            shape = getattr(order, name).shape
            end = start + math.prod(shape)
            value, error = (public(each[start:end].reshape(shape)) for each in found)
            named[name] = value, error
            start = end
        for i, name in enumerate(_SCALARS, start=start):
            named[name] = float(found.value[i]), float(found.error[i])
        (test, test_error), (optimal, optimal_error) = named["test_loss"], named["optimal_loss"]
        named["excess_loss"] = test - optimal, test_error + optimal_error
        return named

    def _extended(
        self, x: Vector, saddle: SaddlePoint, alpha: float, lam: float, accuracy: Accuracy
    ) -> Vector:
        """Return the gap F(x) - x, and the observables at x."""
        couplings = saddle.couplings
        order = couplings.overlaps(x, lam)
        average = saddle.averages(order, accuracy)
        gap = couplings.coordinates(conjugates_of(average, alpha), order) - x
        optimal = optimal_loss_at(saddle.ensemble, saddle.problem.loss, accuracy)
        temperature, calibrated = saddle.channel.calibrated(order.m, order.q)
        # An infinite temperature has no derivative.
        temperature = temperature if math.isfinite(temperature) else math.nan
        losses, rates = losses_at(saddle, order, accuracy), rates_at(saddle, order, accuracy)
        seen = (*losses, *rates, optimal, temperature, calibrated)
        return np.concatenate([gap, order.m.ravel(), order.q.ravel(), order.V.ravel(), seen])

    def _here(self, x: Vector, accuracy: Accuracy = Accuracy.FINE) -> Vector:
        return self._extended(x, self.saddle, self.problem.alpha, self.problem.lam, accuracy)

    def _along(self, axis: Vector) -> Vector:
        """Return the rough derivative along an axis of the coordinates."""
        right, left = (self._here(self.x + side * _ROUGH * axis) for side in (1.0, -1.0))
        return (right - left) / (2.0 * _ROUGH)

    def _moved(self, name: str, t: float, x: Vector, accuracy: Accuracy) -> Vector:
        """Return gap and observables at x, with a parameter moved by t."""
        alpha, lam, saddle = self.problem.alpha, self.problem.lam, self.saddle
        if name == "alpha":
            alpha += t
        elif name == "lam":
            # The equations do not mind a weight decay that is negative, as long as it is small.
            lam += t
        else:
            saddle = SaddlePoint(moved(self.problem, name, t))
        return self._extended(x, saddle, alpha, lam, accuracy)

    def _total(self, name: str) -> Derivative:
        """Return the derivatives of the observables along the path of the fixed point.

        A rough slope dx/dθ leads along a path near that of the fixed point. What gap opens along
        it, differentiated finely, is closed again to first order: the error of the slope enters in
        second order only, and where it was large, a better slope is followed once more.
        """
        sign, centred, step = self._room(name)
        slope = np.zeros(self.size)
        for _ in range(_ROUNDS):
            start = partial(self._path, name, sign, slope)
            rough, fastest = self._rough(start, _PROBE * step, centred)
            slope = slope + rough
            step = min(step, _SMOOTH / fastest) if fastest > 0.0 else step
            path = partial(self._path, name, sign, slope)
            fine = derivative(partial(path, Accuracy.FINE), step, centred)
            correction = self.inverse @ fine.value[: self.size]
            if np.abs(correction).max() <= _CLOSE * np.abs(slope).max():
                break
            slope = slope + correction
        # One difference, of both accuracies, tells what a finer quadrature changes.
        h = 0.25 * step
        coarse, finer = (
            path(accuracy, h) - path(accuracy, -h if centred else 0.0)
            for accuracy in (Accuracy.FINE, Accuracy.FINER)
        )
        doubt = np.abs(self._closed((finer - coarse) / (2.0 * h if centred else h)))
        spread = fine.error[self.size :] + np.abs(self.closing) @ fine.error[: self.size]
        return Derivative(sign * self._closed(fine.value), spread + doubt)

    def _path(self, name: str, sign: float, slope: Vector, accuracy: Accuracy, t: float) -> Vector:
        return self._moved(name, sign * t, self.x + t * slope, accuracy)

    def _closed(self, change: Vector) -> Vector:
        """Return the change of the observables where the gap is closed again."""
        return change[self.size :] + self.closing @ change[: self.size]

    def _rough(
        self, path: Callable[..., Vector], probe: float, centred: bool
    ) -> tuple[Vector, float]:
        """Return the slope that closes the gap along a path, and how fast the fastest changes."""
        right, left = (path(Accuracy.FINE, t) for t in (probe, -probe if centred else 0.0))
        change = (right - left) / (2.0 * probe if centred else probe)
        slope = self.inverse @ change[: self.size]
        observed = change[self.size :] / np.maximum(np.abs(right[self.size :]), 1.0)
        rates = np.concatenate([slope, change[: self.size], observed])
        return slope, float(np.nanmax(np.abs(rates)))

    def _room(self, name: str) -> tuple[float, bool, float]:
        """Return a direction in which a parameter may move, whether also back, and how far."""
        if name == "alpha":
            return 1.0, True, _SHARE * self.problem.alpha
        if name == "lam":
            return 1.0, True, _SHARE * max(self.problem.lam, self.saddle.couplings.unit)
        step = _SHARE * max(abs(continuous(self.problem.data)[name]), _SHARE)
        for _ in range(_TRIES):
            right, left = (self._allowed(name, t) for t in (step, -step))
            if right and left:
                return 1.0, True, step
            step *= _SHARE
        # At the end of its range.
        return (1.0 if right else -1.0), False, _SHARE**2

    def _allowed(self, name: str, t: float) -> bool:
        try:
            SaddlePoint(moved(self.problem, name, t))
        except BadArgument:
            return False
        return True


def continuous(data: DataModel) -> dict[str, float]:
    """Return the parameters of data that are real numbers and seen by rows, by name."""
    described: Any = _described(data)
    seen = [field.name for field in fields(described) if field.metadata.get("seen by rows", True)]
    known = {name: getattr(described, name) for name in seen}
    return {name: value for name, value in known.items() if type(value) is float}


def _described(data: DataModel) -> Any:
    """Return what has the parameters of data: of a row of one model, the model."""
    context = data.context if isinstance(data, RowTokens) else data
    return context.model if isinstance(context, RowCouplings) else context


def moved(problem: Problem, name: str, change: float) -> Problem:
    """Return the problem with one such parameter of its data moved."""
    data: Any = problem.data
    described = _described(data)
    with unwanted(Notice):
        other = replace(described, **{name: continuous(data)[name] + change})
        if isinstance(data, RowTokens):
            context: Any = data.context
            of_model = described is not context
            other = RowTokens(replace(context, model=other) if of_model else other)
        return problem.at(data=other)
