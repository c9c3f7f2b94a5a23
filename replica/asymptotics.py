"""The learning curve at few and at many samples, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from replica.arguments import one_of, refusal
from replica.channel import Accuracy, Averages, Channel
from replica.channels import channel_of
from replica.cross_entropy import CrossEntropyChannel, softmax_gap
from replica.data import CustomTokens, GaussianTokens, PottsTokens
from replica.immutable import Immutable
from replica.observables import coupling_error, error_rate_slope
from replica.problem import Problem
from replica.spectrum import Spectrum, spectrum_of


@dataclass(frozen=True, eq=False)
class Asymptote(Immutable):
    """Leading terms of a solution for small or large α.

    Attributes
    ----------
    test_loss, train_loss, error_rate, coupling_error, m, q, V : float
        As in `Solution`.
    orders : mapping of str to float
        What each of them leaves out is O(α^order).
    """

    test_loss: float
    train_loss: float
    error_rate: float
    coupling_error: float
    m: float
    q: float
    V: float
    orders: Mapping[str, float]


def few_samples(problem: Problem) -> Asymptote:
    """Return the leading terms for α → 0 (THEORY.md, section 5).

    Every sample acts on a row that has learnt nothing yet, and is displaced by its own
    reaction V = <G>/λ only.

    Parameters
    ----------
    problem : Problem
        With λ > 0 and one colour mode: PottsTokens with U = I, CustomTokens, GaussianTokens.

    Raises
    ------
    ValueError
        If the problem is another one.
    """
    spectrum, channel = _one_mode(problem), channel_of(problem.data, problem.loss)
    if problem.lam == 0.0:
        raise refusal("lam", problem.lam, "greater than 0, as few samples alone fix no row")
    G, weights, teacher = spectrum.covariances[0], spectrum.weights, spectrum.teacher
    reaction = float(weights @ G) / problem.lam
    fresh, trained = _unlearnt(channel, 0.0), _unlearnt(channel, reaction)
    V_hat, m_hat, q_hat = (
        problem.alpha * float(mean[0])
        for mean in (trained.response, trained.overlap, trained.energy)
    )
    m = m_hat * float(teacher @ G**2) / problem.lam
    q = q_hat * float(weights @ G**2) / problem.lam**2
    r = m_hat * float(teacher @ G) / problem.lam
    norm2 = q_hat * float(weights @ G) / problem.lam**2
    chance, slope = error_rate_slope(problem.data.colors)
    guesses = not isinstance(problem.data, GaussianTokens)
    return Asymptote(
        test_loss=fresh.loss - float(fresh.overlap[0]) * m + 0.5 * float(fresh.response[0]) * q,
        train_loss=trained.loss,
        error_rate=chance - slope * m / math.sqrt(q) if guesses else math.nan,
        coupling_error=coupling_error(spectrum.teacher_norm2, r, norm2),
        m=m,
        q=q,
        V=reaction - V_hat * float(weights @ G**2) / problem.lam**2,
        orders={
            "test_loss": 2, "train_loss": 1, "error_rate": 1, "coupling_error": 2,
            "m": 2, "q": 2, "V": 2,
        },
    )  # fmt: skip


def many_samples(problem: Problem) -> Asymptote:
    """Return the leading terms for α → ∞ (THEORY.md, section 5).

    The cross-entropy exceeds the optimal loss by 1/(2α): a row has L parameters. The squared
    error approaches that of the best multiple of the true field, not the optimal loss. Weight
    decay counts in the next order.

    Parameters
    ----------
    problem : Problem
        With one colour mode: PottsTokens with U = I, CustomTokens, GaussianTokens.

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
        V = spread = 1 / softmax_gap(problem.data.colors, rho, Accuracy.FINER)
        excess = 0.5
    chance, _ = error_rate_slope(problem.data.colors)
    known = scale == 1.0
    inverse = float(spectrum.weights @ (1 / spectrum.covariances[0]))
    distance2 = w2 * (1 - scale) ** 2 + spread * inverse / problem.alpha
    return Asymptote(
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
    # u = 1 - p_1 raises h_1 above the others by V u C/n, on which it depends itself.
    u = float(
        brentq(lambda u: u - 1 / (1 + math.exp(V * u * (1 + 1 / n)) / n), 0.0, 1.0, xtol=1e-15)
    )
    r_1, r = (1 - u) / (1 + V * (1 - u)), u / (n + V * u)
    total = r_1 + n * r
    response = (total**2 - r_1**2 - n * r**2) / total
    return Averages(
        np.array([u]), np.array([u**2 * (1 + 1 / n)]), np.array([response]), -math.log1p(-u)
    )
