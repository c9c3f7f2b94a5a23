"""The learning curve at few and at many samples, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from replica.ensembles import answering
from replica.immutable import Immutable
from replica.problem import Problem
from replica.quadrature.rule import HUGE, TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import conjugates_of
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import vector
from replica.validation import invalid, one_of

#: The least λ/G with few samples, so that (G/λ)² is a number.
_LEAST = 1e-150

#: The largest αV of many samples: beyond, the others leave no doubt of a token.
_MOST = 1e300

#: The two states of an asymptote, and the error up to which it is the first.
RangeName = Literal["in-range", "out-of-range"]
IN_RANGE: RangeName = "in-range"
OUT_OF_RANGE: RangeName = "out-of-range"
_TOLERABLE = 0.1

#: The q, in units of the larger of 1 and ρ, beyond which no expansion holds.
_LARGEST_Q = 10.0


@dataclass(frozen=True, eq=False)
class Asymptote(Immutable):
    """Leading terms of a solution for small or large α.

    Attributes
    ----------
    test_loss, train_loss, error_rate, coupling_error, m, q, V : float
        As in `Solution`.
    orders : mapping of str to float
        What each of them leaves out is O(α^order).
    error : float
        Estimate of the largest relative error of them all: their change by one evaluation of the
        saddle-point equations, of the order of their error; infinity where they are none that a
        solution can have, or too far from one to be put into the equations.
    status : str
        "in-range" where the error is 0.1 or less, else "out-of-range": there the next orders
        count as much as the leading ones, and these are no approximation of the solution.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, few_samples
    >>> leading = few_samples(Problem(alpha=0.01, lam=0.1, data=PottsTokens(3, 1.5)))
    >>> leading.status, round(leading.test_loss, 4), leading.orders["test_loss"]
    ('in-range', 1.0987, 2)
    """

    test_loss: float
    train_loss: float
    error_rate: float
    coupling_error: float
    m: float
    q: float
    V: float
    orders: Mapping[str, float]
    error: float = math.nan
    status: RangeName = OUT_OF_RANGE


def few_samples(problem: Problem) -> Asymptote:
    """Return the leading terms for α → 0 (THEORY.md, section 5).

    Every sample acts on a row that has learnt nothing yet, and is displaced by its own
    reaction V = <G>/λ only.

    Parameters
    ----------
    problem : Problem
        With λ > 0 and one colour mode: PottsTokens with U = I, CustomTokens, GaussianTokens.

    Returns
    -------
    Asymptote
        The leading terms, the order in α of what each leaves out, and how far to trust them.

    Raises
    ------
    ValueError
        If the problem is another one.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, few_samples, solve
    >>> problem = Problem(alpha=0.01, lam=0.1, data=PottsTokens(3, 1.5))
    >>> round(few_samples(problem).test_loss, 4), round(solve(problem).test_loss, 4)
    (1.0987, 1.0987)
    """
    saddle = _one_mode(problem)
    spectrum, channel = saddle.ensemble.spectrum, saddle.channel
    G, weights, teacher = spectrum.covariances[0], spectrum.weights, spectrum.teacher
    least = _LEAST * float(G.max())
    if problem.lam <= least:
        allowed = f"greater than {least:.1e}, as few samples alone fix no row"
        raise invalid("lam", problem.lam, allowed)
    # λ² alone may be no number.
    gain = G / problem.lam
    reaction, spread = float(weights @ gain), float(weights @ gain**2)
    fresh, trained = channel.unlearnt(0.0), channel.unlearnt(reaction)
    overlap, energy = float(trained.overlap[0]), float(trained.energy[0])
    pull = float(teacher @ (G * gain))
    m, q = problem.alpha * overlap * pull, problem.alpha * energy * spread
    r = problem.alpha * overlap * float(teacher @ gain)
    norm2 = problem.alpha * energy * float(weights @ gain) / problem.lam
    chance, slope = channel.law.chance()
    signal = overlap * float(teacher @ G**2) / math.sqrt(energy * float(weights @ G**2))
    found = Asymptote(
        test_loss=fresh.loss - float(fresh.overlap[0]) * m + 0.5 * float(fresh.response[0]) * q,
        train_loss=trained.loss,
        error_rate=chance - slope * math.sqrt(problem.alpha) * signal,
        coupling_error=coupling_error(spectrum.teacher_norm2, r, norm2),
        m=m,
        q=q,
        V=reaction - problem.alpha * float(trained.response[0]) * spread,
        orders={
            "test_loss": 2, "train_loss": 1, "error_rate": 1, "coupling_error": 2,
            "m": 2, "q": 2, "V": 2,
        },
    )  # fmt: skip
    return _judged(found, saddle)


def many_samples(problem: Problem) -> Asymptote:
    """Return the leading terms for α → ∞ (THEORY.md, section 5).

    The cross-entropy exceeds the optimal loss by 1/(2α): a row has L parameters. The squared
    error approaches that of the best multiple of the true field, not the optimal loss. Weight
    decay counts in the next order.

    Parameters
    ----------
    problem : Problem
        With one colour mode: PottsTokens with U = I, CustomTokens, GaussianTokens.

    Returns
    -------
    Asymptote
        The leading terms, the order in α of what each leaves out, and how far to trust them.

    Raises
    ------
    ValueError
        If the problem is another one.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, many_samples, solve
    >>> problem = Problem(alpha=1000.0, lam=0.1, data=PottsTokens(3, 1.5))
    >>> round(many_samples(problem).test_loss, 5), round(solve(problem).test_loss, 5)
    (0.87768, 0.87768)
    """
    saddle = _one_mode(problem)
    spectrum, channel = saddle.ensemble.spectrum, saddle.channel
    rho, w2 = spectrum.rho, spectrum.teacher_norm2
    scale, best, excess, V, spread = channel.many_samples(rho)
    if V > _MOST:
        allowed = "such that the others leave some doubt of a token, or no samples are many"
        raise invalid("data", problem.data, allowed)
    chance, _ = channel.law.chance()
    known = scale == 1.0
    inverse = float(spectrum.weights @ (1 / spectrum.covariances[0]))
    distance2 = w2 * (1 - scale) ** 2 + spread * inverse / problem.alpha
    found = Asymptote(
        test_loss=best + excess / problem.alpha,
        train_loss=best - excess / problem.alpha,
        error_rate=channel.error_rate(rho, rho, Accuracy.FINER) if w2 else chance,
        coupling_error=distance2 / w2 if w2 else math.nan,
        m=scale * float(rho[0]),
        q=scale**2 * float(rho[0]),
        V=V / problem.alpha,
        orders={
            "test_loss": -2, "train_loss": -2, "error_rate": -1,
            "coupling_error": -2 if known else -1, "m": -1, "q": -1, "V": -2,
        },
    )  # fmt: skip
    return _judged(found, saddle)


def _judged(found: Asymptote, saddle: SaddlePoint) -> Asymptote:
    """Return the same terms with the estimate of their error."""
    rho = float(saddle.ensemble.rho[0])
    error = _change(found, saddle, rho) if _possible(found, rho) else math.inf
    status = IN_RANGE if error <= _TOLERABLE else OUT_OF_RANGE
    return replace(found, error=error, status=status)


def _possible(found: Asymptote, rho: float) -> bool:
    """Tell whether a solution can have these values."""
    chance = found.error_rate
    losses = found.test_loss >= 0.0 and found.train_loss >= 0.0
    errors = not (chance < 0.0 or chance > 1.0 or found.coupling_error < 0.0)
    narrow = 0.0 <= found.q < _LARGEST_Q * max(1.0, rho)
    return losses and errors and narrow and 0.0 < found.V < HUGE


def _change(found: Asymptote, saddle: SaddlePoint, rho: float) -> float:
    """Return the largest relative change by one evaluation of the saddle-point equations."""
    channel, couplings = saddle.channel, saddle.couplings
    m, q, V = vector(found.m), vector(max(found.q, TINY_OVERLAP)), vector(found.V)
    average = channel.rule(m, q, V).averages(m, q, V, Accuracy.FINE)
    x = couplings.coordinates(conjugates_of(average, saddle.problem.alpha))
    if not np.isfinite(x).all():
        return math.inf
    order = saddle.overlaps(x)
    m, q, V = order.m, np.maximum(order.q, TINY_OVERLAP), order.V
    if not 0.0 <= order.q[0] < _LARGEST_Q * max(1.0, rho):
        return math.inf
    here = [found.m, found.q, found.V, found.test_loss, found.train_loss, found.coupling_error]
    there = [
        float(order.m[0]),
        float(order.q[0]),
        float(order.V[0]),
        channel.test_loss(m, q, Accuracy.FINE),
        channel.rule(m, q, V).averages(m, q, V, Accuracy.FINE).loss,
        coupling_error(couplings.teacher_norm2, order.teacher_overlap, order.norm2),
    ]
    if found.q > TINY_OVERLAP:
        here.append(found.error_rate)
        there.append(channel.error_rate(m, q, Accuracy.FINE))
    return relative_difference(here, there)


def _one_mode(problem: Problem) -> SaddlePoint:
    """Return the equations of a problem with one colour mode, or raise ValueError."""
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    one_of("loss", problem.loss, problem.data.losses)
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for few and many samples")
    answering(problem.data, "asymptotics")
    return SaddlePoint(problem)
