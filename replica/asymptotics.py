"""The learning curve at few and at many samples, in closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from replica.arguments import one_of, refusal
from replica.channel import Channel
from replica.channels import channel_of
from replica.couplings import coupling_error
from replica.ensembles import answering
from replica.immutable import Immutable
from replica.problem import Problem
from replica.rule import Accuracy
from replica.spectrum import Spectrum

#: The least λ/G with few samples, so that (G/λ)² is a number.
_LEAST = 1e-150

#: The largest αV of many samples: beyond, the others leave no doubt of a token.
_MOST = 1e300


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

    Returns
    -------
    Asymptote
        The leading terms, and the order in α of what each leaves out.

    Raises
    ------
    ValueError
        If the problem is another one.
    """
    spectrum, channel = _one_mode(problem)
    G, weights, teacher = spectrum.covariances[0], spectrum.weights, spectrum.teacher
    least = _LEAST * float(G.max())
    if problem.lam <= least:
        allowed = f"greater than {least:.1e}, as few samples alone fix no row"
        raise refusal("lam", problem.lam, allowed)
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
    return Asymptote(
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
        The leading terms, and the order in α of what each leaves out.

    Raises
    ------
    ValueError
        If the problem is another one.
    """
    spectrum, channel = _one_mode(problem)
    rho, w2 = spectrum.rho, spectrum.teacher_norm2
    scale, best, excess, V, spread = channel.many_samples(rho)
    if V > _MOST:
        allowed = "such that the others leave some doubt of a token, or no samples are many"
        raise refusal("data", problem.data, allowed)
    chance, _ = channel.law.chance()
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


def _one_mode(problem: Problem) -> tuple[Spectrum, Channel]:
    """Return spectrum and channel of a problem with one colour mode, or raise ValueError."""
    if not isinstance(problem, Problem):
        raise refusal("problem", problem, "a Problem")
    one_of("loss", problem.loss, problem.data.losses)
    ensemble = answering(problem.data, "asymptotics")
    return ensemble.spectrum, channel_of(ensemble.law, problem.loss)
