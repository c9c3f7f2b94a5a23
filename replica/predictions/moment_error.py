"""The error that a prediction has from measured moments: a jackknife over given sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from replica.arrays import Vector
from replica.problem import Problem, RowTokens
from replica.problem.row_sequences import RowSequences
from replica.quadrature.rule import Accuracy
from replica.saddle_point.anderson import Memory, accelerate
from replica.saddle_point.observables import losses_at, rates_at
from replica.saddle_point.saddle_point import SaddlePoint, order_of
from replica.saddle_point.solution import Solution, answer
from replica.saddle_point.solver import solve
from replica.saddle_point.status import Status
from replica.validation import integer, invalid

#: The change of the coordinates with which the search of a part ends, and its most evaluations.
_TOLERANCE, _MOST = 1e-5, 60


@dataclass(frozen=True)
class MomentError:
    """Standard errors of a prediction, of the error of the moments that it was made with.

    Attributes
    ----------
    test_loss, train_loss, error_rate : float
        Those of the observables; NaN where a part of the sequences leads to no solution.
    masked_test_loss : float
        That of the test loss on masked contexts; NaN without masks, too.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, RowTokens, moment_error, solve
    >>> from simulations import PottsModel, sample
    >>> family = sample(PottsModel.random(PottsTokens(3, 1.0), 10, seed=0), 300, seed=1)
    >>> found = solve(Problem(2.0, 0.1, RowTokens.from_tokens(family, 4, colors=3)))
    >>> 0 < moment_error(found).test_loss < 0.1
    True
    """

    test_loss: float
    train_loss: float
    error_rate: float
    masked_test_loss: float = math.nan


def moment_error(solution: Solution, parts: int = 5) -> MomentError:
    """Return the error of a prediction for given sequences by what it owes to each part of them.

    The moments are measured again without one part of the sequences at a time, drawn at random,
    and the equations solved with the coarsest quadrature, whose error is common to all: the
    delete-a-group jackknife. It takes sequences for independent: relatives in different parts make
    the error look smaller.

    Parameters
    ----------
    solution : Solution
        A converged solution for `RowTokens.from_tokens`.
    parts : int
        Parts, from 2 on: with few of them the error is known to a relative 1/√(2 (parts - 1)).

    Returns
    -------
    MomentError

    Raises
    ------
    ValueError
        If the solution did not converge, or is not one for given sequences, or so many parts leave
        too few of them.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, RowTokens, moment_error, solve
    >>> from simulations import PottsModel, sample
    >>> family = sample(PottsModel.random(PottsTokens(3, 1.0), 10, seed=0), 300, seed=1)
    >>> found = solve(Problem(2.0, 0.1, RowTokens.from_tokens(family, 4, colors=3)))
    >>> moment_error(found, parts=4).train_loss < 0.1 * found.train_loss
    True
    """
    solved = answer(solution)
    data = solved.problem.data
    if not isinstance(data, RowTokens) or not isinstance(data.context, RowSequences):
        raise invalid("solution", solution, "one for RowTokens.from_tokens")
    integer("parts", parts, 2, len(data.context.sequences.tokens))
    return MomentError(*Coarse.of(solved).error(parts))


@dataclass(frozen=True)
class Coarse:
    """A solution by the coarsest quadrature, from which others are found soon.

    Attributes
    ----------
    problem : Problem
        Of a row of given sequences.
    x : array
        Its coordinates.
    memory : Memory
        What the search has told of the derivative of the equations.
    observables : tuple of float
        Test loss, training loss, error rate and, with masks, masked test loss; NaN where the search
        did not end.
    """

    problem: Problem
    x: Vector
    memory: Memory
    observables: tuple[float, ...]

    @classmethod
    def of(cls, solution: Solution) -> Coarse:
        """Return what the coarsest quadrature makes of a solution."""
        saddle = SaddlePoint(solution.problem)
        order, conjugates = order_of(solution)
        return cls._found(saddle, saddle.couplings.coordinates(conjugates, order), None)

    @classmethod
    def near(cls, problem: Problem, neighbour: Coarse | None = None) -> Coarse:
        """Return the solution of a problem, searched from that of a neighbour if there is one.

        Where that leads nowhere, the search is the one of `solve`.
        """
        if neighbour is not None and neighbour.found:
            near = cls._found(SaddlePoint(problem), neighbour.x, neighbour.memory)
            if near.found:
                return near
        solution = solve(problem, check=False)
        if solution.converged:
            return cls.of(solution)
        nothing = np.full(1, math.nan)
        return cls(problem, nothing, Memory.empty(1), _unknown(problem))

    @property
    def found(self) -> bool:
        """Whether there is a solution."""
        return math.isfinite(self.observables[0])

    def error(self, parts: int) -> list[float]:
        """Return the standard errors of the observables, by a jackknife over parts."""
        found = [
            Coarse.near(each, self).observables for each in _without_a_part(self.problem, parts)
        ]
        spread: list[float] = np.sqrt(np.var(found, axis=0) * (parts - 1)).tolist()
        return spread

    @classmethod
    def _found(cls, saddle: SaddlePoint, x: Vector, memory: Memory | None) -> Coarse:
        coarse = partial(saddle.evaluate, accuracy=Accuracy.COARSE)
        found = accelerate(coarse, x, memory, _TOLERANCE, lambda: _MOST - saddle.evaluations)
        if found.status != Status.CONVERGED:
            return cls(saddle.problem, x, Memory.empty(x.size), _unknown(saddle.problem))
        order = saddle.overlaps(found.x)
        test_loss, train_loss, *masked = losses_at(saddle, order, Accuracy.COARSE)
        error_rate, *_ = rates_at(saddle, order, Accuracy.COARSE)
        observables = tuple(map(float, (test_loss, train_loss, error_rate, *masked)))
        return cls(saddle.problem, found.x, found.inverse, observables)


def _unknown(problem: Problem) -> tuple[float, ...]:
    return (math.nan,) * (3 if problem.masking is None else 4)


def _without_a_part(problem: Problem, parts: int) -> Iterator[Problem]:
    """Yield the problem without each part of the sequences."""
    assert isinstance(problem.data, RowTokens)
    given = problem.data.context
    assert isinstance(given, RowSequences)
    sequences = given.sequences
    of_part = np.random.default_rng(0).permutation(len(sequences.tokens)) % parts
    for part in range(parts):
        kept = of_part != part
        weights = None if sequences.weights is None else sequences.weights[kept]
        fewer = replace(sequences, tokens=sequences.tokens[kept], weights=weights)
        yield problem.at(data=RowTokens(replace(given, sequences=fewer)))
