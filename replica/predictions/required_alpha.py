"""The sample ratio from which on a row is as good as is asked for."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.optimize import brentq, minimize_scalar

from replica.ensembles import ensemble_of
from replica.errors import BadArgument, ConvergenceError
from replica.predictions.optimal_lam import at_best_lam, check_teacher
from replica.problem import Problem
from replica.quadrature.rule import TINY_OVERLAP, Accuracy
from replica.saddle_point.continuation import State, extrapolated
from replica.saddle_point.existence_threshold import known_threshold
from replica.saddle_point.messages import failure_message
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import solve, solve_from
from replica.validation import invalid, positive, truth

#: What may be asked for.
WANTED = ("excess_loss", "test_loss", "error_rate")

#: Spacing in log α of the points that are looked at, at a given and at the best weight decay, and
#: around a peak.
_STEP, _STEP_OF_BEST, _PEAK = 0.25, 0.5, 1e-3

#: Sample ratios, in units of the scale of a problem, whose values tell the limit of α → ∞, that up
#: to which and that down to which an answer is looked for, and how far below it for others.
_FAR, _FURTHEST, _NEAREST, _BELOW = 1e6, 1e10, 1e-8, 1e-2

#: Distance from the limit, relative to it, that can be told from none; and in log α from the
#: existence threshold without weight decay, where fields are so wide that averages take minutes,
#: if they have no closed form.
_CLOSE, _NARROW, _WIDE = 1e-11, 1e-7, 2e-3


class Reached(NamedTuple):
    """Where a value is reached.

    Attributes
    ----------
    alpha : float
        The smallest sample ratio beyond which it is, whatever the samples.
    solution : Solution
        The solution there.
    earlier : float
        A smaller sample ratio at which it is, too, below a peak; NaN if none was seen.
    """

    alpha: float
    solution: Solution
    earlier: float


def required_alpha(
    problem: Problem,
    *,
    excess_loss: float | None = None,
    test_loss: float | None = None,
    error_rate: float | None = None,
    best_lam: bool = False,
) -> float:
    """Return the smallest sample ratio beyond which a row is at least as good as is asked for.

    With little weight decay the test loss has a peak where a row begins to interpolate, and a
    value may be reached below the peak, lost, and reached again: the answer is the last of these
    sample ratios, from which on more samples never lose it. Of given sequences nothing is known
    beyond the sample ratio that they allow, up to which it then holds.

    Parameters
    ----------
    problem : Problem
        What to solve; its own alpha is not used, and with `best_lam` its own lam neither.
    excess_loss, test_loss, error_rate : float
        One of them, the largest value that is good enough.
    best_lam : bool
        Whether every sample ratio has its best weight decay (`optimal_lam`), not that of the
        problem.

    Returns
    -------
    float
        α: the solution there has this value. To eight digits, less those that rounding takes where
        the value is close to its limit.

    Raises
    ------
    ConvergenceError
        If a problem on the way was not solved.
    ValueError
        If an argument is not allowed; if no α reaches the value, which the limit of many samples
        exceeds, or given sequences allow too few of them; or if every α does.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, required_alpha
    >>> problem = Problem(alpha=1.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> round(required_alpha(problem, excess_loss=0.05), 4)
    9.5365
    """
    asked = dict(zip(WANTED, (excess_loss, test_loss, error_rate), strict=True))
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        raise invalid("required value", given or None, "one of " + ", ".join(WANTED))
    ((name, value),) = given.items()
    return reached(problem, name, value, truth("best_lam", best_lam)).alpha


def reached(problem: Problem, name: str, value: float, best_lam: bool = False) -> Reached:
    """Return where an observable reaches a value, for `required_alpha` and its command."""
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    if best_lam:
        check_teacher(problem)
    curve = _Curve(problem, name, positive(name, value), best_lam)
    curve.check_many_samples()
    low, high = curve.bracket()
    alpha = math.exp(curve.crossing(low, high))
    return Reached(alpha, curve.solution(math.log(alpha)), curve.earlier(low))


class _Curve:
    """An observable along log α, above (greater than 0) or at most at (0 or less) a value."""

    def __init__(self, problem: Problem, name: str, value: float, best_lam: bool) -> None:
        self.problem, self.name, self.value, self.best_lam = problem, name, value, best_lam
        saddle = SaddlePoint(problem)
        self.saddle = saddle
        threshold = known_threshold(saddle.ensemble, problem.loss, bias=problem.bias)
        #: Where a row begins to interpolate, if that is known.
        self.threshold = threshold if 0.0 < threshold < math.inf else math.nan
        decay = 0.0 if best_lam else problem.lam / saddle.couplings.unit
        self.scale = max(1.0, decay, *([threshold] if math.isfinite(threshold) else []))
        self.step = _STEP_OF_BEST if best_lam else _STEP
        #: How close to the threshold the curve is followed without weight decay.
        self.wide = _NARROW if problem.loss == "squared-error" else _WIDE
        #: log of the largest α of which anything is known.
        self.last = math.log(problem.data.largest_alpha)
        self._known: dict[float, float] = {}
        self._past: list[tuple[float, State]] = []

    def solution(self, place: float) -> Solution:
        """Return the solution at a log α, started from those nearby."""
        alpha = min(math.exp(place), self.problem.data.largest_alpha)
        problem = self.problem.at(alpha=alpha)
        if self.best_lam:
            return at_best_lam(problem)
        near = [each for each in self._past if abs(each[0] - place) < 2.0 * _STEP]
        solution, state = solve_from(problem, extrapolated(near[-3:], place))
        if state is not None:
            self._past = [*self._past[-7:], (place, state)]
        return solution

    def above(self, place: float) -> float:
        """Return how far the observable is above the value; infinity without a minimiser."""
        if place not in self._known:
            solution = self.solution(place)
            if solution.converged:
                self._known[place] = getattr(solution, self.name) - self.value
            elif self.problem.lam == 0.0 and not self.best_lam:
                self._known[place] = math.inf
            else:
                raise ConvergenceError(failure_message(solution), solution)
        return self._known[place]

    def check_many_samples(self) -> None:
        """Raise ValueError if many samples do not reach the value, or have none."""
        if math.isfinite(self.last):
            self._check_last()
        else:
            self._check_limit()

    def _check_last(self) -> None:
        """Check the most samples, of sequences that allow no more."""
        alpha = self.problem.data.largest_alpha
        above = self.above(self.last)
        if math.isnan(above):
            raise self._unknown()
        if above > 0.0:
            allowed = (
                f"at least {self.value + above:.10g}, that at alpha = {alpha:.4g}, beyond which "
                "there are too few sequences to measure moments on"
            )
            raise invalid(self.name, self.value, allowed)

    def _check_limit(self) -> None:
        """Check the limit of many samples."""
        alphas = (_FAR * self.scale, 10.0 * _FAR * self.scale)
        # Many samples do not care for weight decay.
        far = [solve(self.problem.at(alpha=alpha)) for alpha in alphas]
        near, further = (float(getattr(solution, self.name)) for solution in far)
        # Beside the limit is a term of order 1/α.
        limit = (10.0 * further - near) / 9.0
        if math.isnan(limit):
            raise self._unknown()
        if self.name == "excess_loss" and abs(limit) < 1e-9:
            limit = 0.0
        least = _CLOSE * max(1.0, limit)
        if self.value - limit <= least:
            allowed = f"greater than {limit:.10g}, the limit of many samples"
            if self.value > limit:
                allowed += f", by more than {least:.2g}, which rounding hides"
            raise invalid(self.name, self.value, allowed)

    def _unknown(self) -> BadArgument:
        """Return the error of a value that these data do not have."""
        allowed = f"left out, as {self.problem.data.name} data have no {self.name}"
        return invalid(self.name, self.value, allowed)

    def bracket(self) -> tuple[float, float]:
        """Return two log α, of which the first is the last known one where the value is exceeded.

        From so many samples that the value is reached, and more do not lose it, the curve is
        followed down. A peak on the way is climbed, in case its top exceeds the value.
        """
        high = min(math.log(10.0 * self.scale), self.last)
        while self.above(high) > 0.0:
            if high > math.log(_FURTHEST * self.scale):
                allowed = f"larger, to be reached below alpha = {_FURTHEST * self.scale:.3g}"
                raise invalid(self.name, self.value, allowed)
            high = min(high + math.log(10.0), self.last)
        places = self._downwards(high)
        known = [high]
        for place in places:
            if self.above(place) > 0.0:
                return place, known[-1]
            known.append(place)
            top = self._peak(known[-3:])
            if top is not None:
                above = [each for each in self._known if each > place and self._known[each] <= 0.0]
                return top, min(each for each in above if each > top)
        raise self._everywhere()

    def _downwards(self, high: float) -> list[float]:
        """Return descending places from which to look, the threshold among them."""
        low = math.log(_NEAREST * self.scale)
        count = math.ceil((high - low) / self.step)
        places = [high - self.step * i for i in range(1, count + 1)]
        if not math.isnan(self.threshold) and not self.best_lam:
            places.append(math.log(self.threshold))
        return sorted((place for place in places if place < high), reverse=True)

    def _peak(self, last: list[float]) -> float | None:
        """Return where the value is exceeded between three places, if there is a peak of it."""
        if len(last) < 3:
            return None
        right, middle, left = last
        if not self.above(middle) > max(self.above(left), self.above(right)):
            return None
        options = {"xatol": _PEAK}
        minimize_scalar(
            lambda place: -self.above(float(place)),
            bounds=(left, right),
            method="bounded",
            options=options,
        )
        exceeded = [p for p, above in self._known.items() if left < p < right and above > 0.0]
        return max(exceeded, default=None)

    def _everywhere(self) -> BadArgument:
        """Return the error of a value that every sample ratio reaches."""
        nothing = self.saddle.couplings.untrained
        channel = self.saddle.channel
        if self.name == "error_rate":
            most = 1.0 - 1.0 / self.problem.data.colors
        else:
            most = channel.test_loss(nothing.m, nothing.q + TINY_OVERLAP, Accuracy.FINE)
            if self.name == "excess_loss":
                rho = ensemble_of(self.problem.data).rho
                most -= channel.optimal_loss(rho, Accuracy.FINE)
        most = max(most, self.value + max(self._known.values()))
        return invalid(self.name, self.value, f"less than {most:.10g}, as every alpha reaches that")

    def crossing(self, low: float, high: float) -> float:
        """Return the log α between where the value is exceeded and where it is reached."""
        while math.isinf(self.above(low)):
            known = not math.isnan(self.threshold)
            middle = math.log(self.threshold) + self.wide if known else 0.5 * (low + high)
            if not low < middle < high:
                middle = 0.5 * (low + high)
            low, high = (low, middle) if self.above(middle) <= 0.0 else (middle, high)
            edge = math.log(self.threshold) if known else low
            if high - edge < 2.0 * self.wide:
                allowed = (
                    f"less than {self.value + self.above(high):.6g}, that at alpha = "
                    f"{math.exp(high):.6g}, little below which there is no minimiser at lam = 0"
                )
                raise invalid(self.name, self.value, allowed)
        return float(brentq(self.above, low, high, xtol=1e-13, rtol=1e-14))

    def earlier(self, low: float) -> float:
        """Return an α below the place `low` at which the value is reached, too, or NaN."""
        if self.best_lam:
            return math.nan
        place = low
        while place > low + math.log(_BELOW):
            place -= 2.0 * self.step
            if self.above(place) <= 0.0:
                return math.exp(place)
            if math.isinf(self.above(place)):
                break
        return math.nan
