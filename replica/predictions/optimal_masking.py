"""The masking rate at which the test loss is least, and the solution there."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

from replica.ensembles import ensemble_of
from replica.errors import ConvergenceError, LocalMinimumWarning
from replica.notices import tell
from replica.predictions.optimal_lam import check_teacher
from replica.problem import Masking, Problem
from replica.problem.masking import MaskKind
from replica.quadrature.search import deepest_minimum, flat_minimum
from replica.saddle_point.continuation import State
from replica.saddle_point.messages import failure_message
from replica.saddle_point.solution import Solution
from replica.saddle_point.solver import solve, solve_from
from replica.validation import invalid, one_of, truth

#: The grid in log p/(1-p), from much masking to little, and what a minimum on it is refined to.
_GRID, _COARSE = np.arange(4.0, -7.5, -1.0), 0.1

#: Half width and degree of the polynomial in log p/(1-p) whose minimum is the answer.
_HALF_WIDTH, _DEGREE = 0.4, 8

#: Steps towards the best log λ, and the same of it, which need not be known as well.
_LAM_STEP, _LAM_HALF_WIDTH, _LAM_DEGREE = 0.8, 0.5, 4

#: Relative differences of the test loss that do not tell rates apart.
_VISIBLE = 1e-9

#: log λ, below that which the data ask for, from where on less weight decay changes nothing, and
#: above it, from where on more changes nothing.
_NONE, _ALL = -12.0, 40.0


def optimal_masking(
    problem: Problem, kind: MaskKind, *, best_lam: bool = False
) -> tuple[Masking, Solution]:
    """Return the masking whose rows have the smallest test loss on full contexts, and the solution.

    The more is masked the less a row sees of a sequence, and the more of a weight decay dynamic
    masks are; static ones train a row on more sequences.

    Parameters
    ----------
    problem : Problem
        What to solve; its own masking is not used.
    kind : str
        "static" or "dynamic".
    best_lam : bool, optional
        Take the best weight decay at every rate, instead of that of the problem. With dynamic masks
        it can be 0.

    Returns
    -------
    masking : Masking
        The best rate, to about four digits.
    solution : Solution
        The solution at this rate; its problem has the weight decay.

    Raises
    ------
    ConvergenceError
        If a problem on the way was not solved.
    ValueError
        If an argument is not allowed, or no rate is better than its neighbours.

    Warns
    -----
    LocalMinimumWarning
        If the test loss falls below its least value among neighbours at the rates near 0 or near 1,
        as it may with little weight decay, where a row near 1 learns nothing; or if the least value
        was found to a tenth in log p/(1 - p) only.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, optimal_masking
    >>> masking, best = optimal_masking(Problem(2.0, 0.1, PottsTokens(3, 1.5)), "dynamic")
    >>> round(masking.rate, 3), round(best.test_loss, 4)
    (0.837, 0.9824)
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    one_of("kind", kind, Masking.kinds)
    check_teacher(problem)
    path = _Path(problem, kind, truth("best_lam", best_lam))
    found = deepest_minimum(path.test_loss, _GRID.tolist(), _COARSE, ends=False)
    if max(path.seen.values()) <= (1.0 + _VISIBLE) * min(path.seen.values()):
        raise invalid("problem", problem, "one whose test loss tells rates apart")
    if not found.inside:
        end = "rate → 0" if found.place == _GRID[-1] else "rate → 1"
        allowed = f"one whose test loss has a minimum in the rate, and does not fall up to {end}"
        raise invalid("problem", problem, allowed)
    place = flat_minimum(path.test_loss, found.place, _HALF_WIDTH, _DEGREE)
    path.test_loss(found.place if place is None else place)
    solution = solve(path.latest)
    masking = solution.problem.masking
    assert masking is not None
    lowest = min((_GRID[0], _GRID[-1]), key=path.seen.__getitem__)
    if path.seen[lowest] < solution.test_loss:
        told = (
            f"alpha = {problem.alpha}: {kind} masks of rate {masking.rate:.3g} are better than "
            f"their neighbours, with the test loss {solution.test_loss:.6g}, but those of rate "
            f"{expit(lowest):.2g} have {path.seen[lowest]:.6g}"
        )
        tell(told, LocalMinimumWarning)
    if place is None:
        told = f"alpha = {problem.alpha}: the best rate is known to a tenth in log p/(1-p) only"
        tell(told, LocalMinimumWarning)
    return masking, solution


def at_best_masking(problem: Problem, kind: MaskKind, best_lam: bool) -> Solution:
    """Return the solution at the best rate, or the one on the way there that did not converge."""
    try:
        return optimal_masking(problem, kind, best_lam=best_lam)[1]
    except ConvergenceError as error:
        stopped: Solution = error.solution
        return stopped


class _Path:
    """Solutions at one rate after the other, each started from the one before."""

    def __init__(self, problem: Problem, kind: MaskKind, best_lam: bool) -> None:
        self.latest = problem
        self._kind, self._best_lam = kind, best_lam
        #: Test losses, by log p/(1-p).
        self.seen: dict[float, float] = {}
        self._state: State | None = None
        if best_lam:
            scales = ensemble_of(problem.data).log_weight_decays(1.0)
            self._log_lam = max(scales)
            self._least, self._most = min(scales) + _NONE, max(scales) + _ALL

    def test_loss(self, place: float) -> float:
        """Return the test loss at log p/(1-p), at the best weight decay if that is asked for."""
        self.latest = self.latest.at(masking=Masking(float(expit(place)), self._kind))
        if self._best_lam:
            best = self._found_lam()
            self.latest = self.latest.at(lam=0.0 if best is None else math.exp(best))
        loss = self.seen[place] = self._solved(self.latest)
        return loss

    def _found_lam(self) -> float | None:
        """Return the best log λ, or None where less weight decay is always better."""
        here, value = self._log_lam, self._at_lam(self._log_lam)
        for step in (-_LAM_STEP, _LAM_STEP):
            while (there := self._at_lam(here + step)) < value:
                here, value = here + step, there
                if here < self._least:
                    return None
                if here > self._most:
                    allowed = "one whose test loss is least at a finite lam, not for lam → infinity"
                    raise invalid("problem", self.latest, allowed)
        best = flat_minimum(self._at_lam, here, _LAM_HALF_WIDTH, _LAM_DEGREE)
        self._log_lam = here if best is None else best
        return self._log_lam

    def _at_lam(self, log_lam: float) -> float:
        return self._solved(self.latest.at(lam=math.exp(log_lam)))

    def _solved(self, problem: Problem) -> float:
        solution, state = solve_from(problem, self._state)
        if not solution.converged:
            raise ConvergenceError(failure_message(solution), solution)
        self._state = state
        return solution.test_loss
