"""State evolution: the saddle-point equations as the course of message passing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from replica.arrays import Vector
from replica.ensembles import ensemble_of
from replica.immutable import Immutable
from replica.problem import Problem
from replica.quadrature.rule import TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.saddle_point import SaddlePoint
from replica.validation import integer, invalid, one_of

#: Overlaps from here on only grow: fields so wide that every token is predicted with certainty.
_RUNAWAY = 1e5


@dataclass(frozen=True, eq=False)
class StateEvolution(Immutable):
    """Order parameters and losses after every iteration of approximate message passing.

    Entry t belongs to the row wᵗ, entry 0 to w = 0. With several colour modes m, q and V have
    one column per mode (see `Solution`). Where the iteration runs away, as it does at λ = 0
    below the existence threshold, entries are NaN from where q or V exceeds 1e5.

    Attributes
    ----------
    problem : Problem
        What is learnt.
    m, q, V : arrays (steps + 1,) or (steps + 1, modes)
        Overlap w*ᵀGw with the true row, own overlap wᵀGw, and local variance.
    test_loss : array (steps + 1,)
        Loss on fresh sequences.
    train_loss : array (steps + 1,)
        E ℓ(y, prox(ω)), which is the loss on the training sequences once the iteration stands
        still.
    coupling_error : array (steps + 1,)
        |w - w*|² / |w*|²; NaN where β = 0.
    quadrature_error : array (steps + 1,)
        Bound on the relative error of the others: their distance to the same course with a
        finer quadrature from the first step on.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, state_evolution
    >>> course = state_evolution(Problem(2.0, 0.1, PottsTokens(3, 1.5)), steps=20)
    >>> course.test_loss[[0, 1, 20]].round(4)
    array([1.0986, 1.0076, 1.0434])
    """

    problem: Problem
    m: Vector
    q: Vector
    V: Vector
    test_loss: Vector
    train_loss: Vector
    coupling_error: Vector
    quadrature_error: Vector


def state_evolution(problem: Problem, steps: int) -> StateEvolution:
    """Iterate the saddle-point equations, undamped, from w = 0.

    Approximate message passing follows this course in the limit of long sequences: its t-th
    row has the overlaps of the t-th iterate (THEORY.md, section 11). What it converges to is
    the minimiser that `solve` describes.

    Parameters
    ----------
    problem : Problem
        What is learnt.
    steps : int
        Number of iterations, 1 or greater.

    Returns
    -------
    StateEvolution
        Order parameters and losses, one entry per iteration, the first for w = 0.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve, state_evolution
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> course = state_evolution(problem, steps=40)
    >>> bool(abs(course.q[-1] - solve(problem).q) < 1e-6)
    True
    """
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    one_of("loss", problem.loss, problem.data.losses)
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for state evolution")
    steps = integer("steps", steps, 1)
    # Of other data a plain iteration is no step of message passing: this is an error that says so.
    _ = ensemble_of(problem.data).spectrum
    course, finer = (
        list(_course(SaddlePoint(problem), steps, accuracy))
        for accuracy in (Accuracy.FINE, Accuracy.FINER)
    )
    values = np.full((steps + 1, len(course[0]) + 1), np.nan)
    for step, (line, other) in enumerate(zip(course, finer, strict=False)):
        values[step] = *line, relative_difference(line, other)
    modes = len(course[0]) // 3 - 1
    m, q, V = (values[:, k * modes : (k + 1) * modes] for k in range(3))
    order = (x[:, 0] if modes == 1 else x for x in (m, q, V))
    return StateEvolution(problem, *order, *values[:, 3 * modes :].T)


def _course(saddle: SaddlePoint, steps: int, accuracy: Accuracy) -> Iterator[list[float]]:
    """Yield m, q, V, test loss, training loss and coupling error while they are finite."""
    teacher_norm2 = saddle.couplings.teacher_norm2
    nothing = saddle.couplings.untrained.m
    loss = saddle.channel.test_loss(nothing, nothing + TINY_OVERLAP, accuracy)
    yield [*nothing, *nothing, *nothing, loss, loss, coupling_error(teacher_norm2, 0.0, 0.0)]
    x = saddle.unlearnt(accuracy)
    for _ in range(steps):
        order = saddle.overlaps(x)
        if not max(*order.q, *order.V) < _RUNAWAY:
            return
        following = saddle.evaluate(x, accuracy)
        test = saddle.channel.test_loss(order.m, order.q, accuracy)
        train = saddle.averages(order, accuracy).loss
        error = coupling_error(teacher_norm2, order.teacher_overlap, order.norm2)
        yield [*order.m, *order.q, *order.V, test, train, error]
        x = following
