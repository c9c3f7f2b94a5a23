"""The learning curve at few and at many samples, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from replica.arguments import one_of, refusal
from replica.channel import HUGE, NO_ROW, Accuracy, Averages, Channel
from replica.channels import channel_of
from replica.couplings import overlaps
from replica.cross_entropy import CrossEntropyChannel, softmax_gap
from replica.data import CustomTokens, GaussianTokens, PottsTokens
from replica.immutable import Immutable
from replica.observables import coupling_error, error_rate_slope, relative_difference
from replica.problem import Problem
from replica.spectrum import Spectrum, spectrum_of

#: The least λ/G with few samples, so that (G/λ)² is a number.
_LEAST = 1e-150

#: Doubt of a token, 1 - E|softmax(ν)|², of which no reciprocal is a number.
_CERTAIN = 1e-300

#: Newton steps, of which V = 1e150 takes half.
_STEPS = 24


#: The two states of an asymptote, and the error up to which it is the first.
IN_RANGE, OUT_OF_RANGE, _TOLERABLE = "in-range", "out-of-range", 0.1

#: The q, in units of the larger of 1 and ρ, beyond which no expansion holds.
_WIDEST = 10.0


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
    status: str = OUT_OF_RANGE


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
    """
    spectrum, channel = _one_mode(problem), channel_of(problem.data, problem.loss)
    G, weights, teacher = spectrum.covariances[0], spectrum.weights, spectrum.teacher
    least = _LEAST * float(G.max())
    if problem.lam <= least:
        allowed = f"greater than {least:.1e}, as few samples alone fix no row"
        raise refusal("lam", problem.lam, allowed)
    # λ² alone may be no number.
    gain = G / problem.lam
    reaction, spread = float(weights @ gain), float(weights @ gain**2)
    fresh, trained = _unlearnt(channel, 0.0), _unlearnt(channel, reaction)
    overlap, energy = float(trained.overlap[0]), float(trained.energy[0])
    pull = float(teacher @ (G * gain))
    m, q = problem.alpha * overlap * pull, problem.alpha * energy * spread
    r = problem.alpha * overlap * float(teacher @ gain)
    norm2 = problem.alpha * energy * float(weights @ gain) / problem.lam
    chance, slope = error_rate_slope(problem.data.colors)
    signal = overlap * float(teacher @ G**2) / math.sqrt(energy * float(weights @ G**2))
    guesses = not isinstance(problem.data, GaussianTokens)
    found = Asymptote(
        test_loss=fresh.loss - float(fresh.overlap[0]) * m + 0.5 * float(fresh.response[0]) * q,
        train_loss=trained.loss,
        error_rate=chance - slope * math.sqrt(problem.alpha) * signal if guesses else math.nan,
        coupling_error=coupling_error(spectrum.teacher_norm2, r, norm2),
        m=m,
        q=q,
        V=reaction - problem.alpha * float(trained.response[0]) * spread,
        orders={
            "test_loss": 2, "train_loss": 1, "error_rate": 1, "coupling_error": 2,
            "m": 2, "q": 2, "V": 2,
        },
    )  # fmt: skip
    return _judged(found, problem, channel, spectrum)


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
    """
    spectrum, channel = _one_mode(problem), channel_of(problem.data, problem.loss)
    rho, w2 = spectrum.rho, spectrum.teacher_norm2
    if isinstance(problem.data, GaussianTokens):
        scale, best = 1.0, channel.optimal_loss(rho, Accuracy.FINER)
        excess, V = best / problem.data.colors, 1 / problem.data.colors
        spread = V / problem.data.shift
    elif problem.loss == "squared-error":
        n = problem.data.colors - 1
        scale = 1 / (problem.data.colors + float(rho[0]))
        best, V, spread = 0.5 * n * scale, 1 / n, 0.0
        excess = best / n
    else:
        scale, best = 1.0, channel.optimal_loss(rho, Accuracy.FINER)
        gap = softmax_gap(problem.data.colors, rho, Accuracy.FINER)
        if gap < _CERTAIN:
            allowed = "such that the others leave some doubt of a token, or no samples are many"
            raise refusal("data", problem.data, allowed)
        V = spread = 1 / gap
        excess = 0.5
    chance, _ = error_rate_slope(problem.data.colors)
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
    return _judged(found, problem, channel, spectrum)


def _judged(found: Asymptote, problem: Problem, channel: Channel, spectrum: Spectrum) -> Asymptote:
    """Return the same terms with the estimate of their error."""
    error = math.inf
    if _possible(found, float(spectrum.rho[0])):
        error = _change(found, problem, channel, spectrum)
    status = IN_RANGE if error <= _TOLERABLE else OUT_OF_RANGE
    return replace(found, error=error, status=status)


def _possible(found: Asymptote, rho: float) -> bool:
    """Tell whether a solution can have these values."""
    chance = found.error_rate
    losses = found.test_loss >= 0.0 and found.train_loss >= 0.0
    errors = not (chance < 0.0 or chance > 1.0 or found.coupling_error < 0.0)
    narrow = 0.0 <= found.q < _WIDEST * max(1.0, rho)
    return losses and errors and narrow and 0.0 < found.V < HUGE


def _change(found: Asymptote, problem: Problem, channel: Channel, spectrum: Spectrum) -> float:
    """Return the largest relative change by one evaluation of the saddle-point equations."""
    m, q, V = np.array([found.m]), np.array([max(found.q, NO_ROW)]), np.array([found.V])
    average = channel.rule(m, q, V).averages(m, q, V, Accuracy.FINE)
    hats = problem.alpha * np.concatenate([average.response, average.overlap, average.energy])
    if not (np.isfinite(hats).all() and hats.min() > 0.0):
        return math.inf
    order = overlaps(hats, problem.lam, spectrum)
    fields = order.m, np.maximum(order.q, NO_ROW), order.V
    if not 0.0 <= order.q[0] < _WIDEST * max(1.0, float(spectrum.rho[0])):
        return math.inf
    here = [found.m, found.q, found.V, found.test_loss, found.train_loss, found.coupling_error]
    there = [
        float(order.m[0]),
        float(order.q[0]),
        float(order.V[0]),
        channel.test_loss(*fields[:2], Accuracy.FINE),
        channel.rule(*fields).averages(*fields, Accuracy.FINE).loss,
        coupling_error(spectrum.teacher_norm2, order.r, order.n),
    ]
    if found.q > NO_ROW:
        here.append(found.error_rate)
        there.append(channel.error_rate(*fields[:2], Accuracy.FINE))
    return relative_difference(here, there)


def _one_mode(problem: Problem) -> Spectrum:
    """Return the spectrum of a problem with one colour mode, or raise ValueError."""
    if not isinstance(problem, Problem):
        raise refusal("problem", problem, "a Problem")
    data = problem.data
    one_of("loss", problem.loss, data.losses)
    known = isinstance(data, (PottsTokens, CustomTokens, GaussianTokens))
    if not known or getattr(data, "similarity", None) is not None:
        allowed = "PottsTokens with similarity None, CustomTokens or GaussianTokens"
        raise refusal("data", data, allowed)
    return spectrum_of(data)


def _unlearnt(channel: Channel, V: float) -> Averages:
    """Return the averages of a channel at m = q = 0."""
    if not isinstance(channel, CrossEntropyChannel):
        nothing = np.zeros(1)
        return channel.expansion().averages(nothing, nothing, np.array([V]), Accuracy.FINE)
    n = channel.colors - 1
    # u = 1 - p_1 raises h_1 above the others by x = V u C/n, on which it depends itself:
    # x (n + e^x) = V C, on which Newton's steps only come down from where e^x - 1 = V C.
    x = math.log1p(V * channel.colors)
    for _ in range(_STEPS):
        e = math.exp(x)
        x -= (x * (n + e) - V * channel.colors) / (n + (1 + x) * e)
    u, p_1 = float(expit(math.log(n) - x)), float(expit(x - math.log(n)))
    r_1, r = p_1 / (1 + V * p_1), u / (n + V * u)
    response = n * r * (2 * r_1 + (n - 1) * r) / (r_1 + n * r)
    loss = math.log1p(n * math.exp(-x))
    return Averages(np.array([u]), np.array([u**2 * (1 + 1 / n)]), np.array([response]), loss)
