"""The law of an entry A_ij of the attention beside the coupling of its pair, and beside A_ji."""

from __future__ import annotations

import math
from dataclasses import dataclass

from replica.ensembles import answering
from replica.ensembles.spectrum import Spectrum
from replica.problem import Problem
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.saddle_point import SaddlePoint, order_of
from replica.saddle_point.solution import Solution, answer
from replica.validation import invalid


@dataclass(frozen=True)
class PairLaw:
    """What the attention of a pair of sites knows of its coupling, for many sites.

    A_ij = slope βJ_ij + noise, the noise normal and independent of J_ij.

    Attributes
    ----------
    norm2 : float
        |βJ_i|², L times the variance of βJ_ij.
    slope : float
        w*·w/|w*|².
    noise : float
        L times the variance of the noise.
    noise_correlation : float
        That of the noise of A_ij with that of A_ji; 1 for the squared error, whose A is symmetric
        for many sites.
    coupling_error, symmetrised_error : float
        |A - βJ|²/|βJ|², and that of (A + Aᵀ)/2.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, pair_law, solve
    >>> law = pair_law(solve(Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error")))
    >>> round(law.slope, 4), round(law.noise, 4), round(law.noise_correlation, 4)
    (0.2426, 0.2422, 1.0)
    """

    norm2: float
    slope: float
    noise: float
    noise_correlation: float
    coupling_error: float
    symmetrised_error: float


def pair_law(solution: Solution) -> PairLaw:
    """Return the law of A_ij, A_ji and J_ij when all rows are trained on the same sequences.

    Row i and row j share their sequences, and what both make of them linearly they share, too:
    all, for the squared error; for another loss what its forces have in common with a linear
    function of token and field (THEORY.md, section 20).

    Parameters
    ----------
    solution : Solution
        A converged solution, of Potts tokens with U = I or whole Gaussian sequences, without masks.

    Returns
    -------
    PairLaw

    Raises
    ------
    ValueError
        If the solution did not converge, or is not one of these.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, pair_law, solve
    >>> solution = solve(Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5)))
    >>> law = pair_law(solution)
    >>> round(law.coupling_error, 4), law.symmetrised_error < law.coupling_error
    (0.9676, True)
    """
    solved = answer(solution)
    check_pairs(solved.problem)
    saddle, order, hats = of_row(solved)
    couplings, w2 = saddle.couplings, saddle.couplings.teacher_norm2
    silent = hats._replace(q=0.0 * hats.q)
    signal = saddle.overlaps(couplings.coordinates(silent, least=1e-300)).norm2
    drawn = order.norm2 - signal
    apart = (1.0 - shared_noise(saddle, order, hats)) * drawn
    # A row follows all others of its couplings, too, by the rest of its signal.
    noise = order.norm2 - order.teacher_overlap**2 / w2
    return PairLaw(
        norm2=float(w2),
        slope=float(order.teacher_overlap / w2),
        noise=float(noise),
        noise_correlation=float(1.0 - apart / noise),
        coupling_error=coupling_error(w2, order.teacher_overlap, order.norm2),
        symmetrised_error=coupling_error(w2, order.teacher_overlap, order.norm2 - 0.5 * apart),
    )


def check_pairs(problem: Problem) -> None:
    """Raise ValueError unless A is to be compared with one symmetric matrix of couplings."""
    answering(problem.data, "pairs")
    if getattr(problem.data, "beta", None) == 0.0:
        raise invalid("beta", 0.0, "such that there are couplings")
    check_alone(problem)


def check_alone(problem: Problem) -> None:
    """Raise ValueError where tokens are masked together."""
    if problem.masking is not None:
        raise invalid("masking", str(problem.masking), "None for pairs")


def of_row(solved: Solution) -> tuple[SaddlePoint, Overlaps, Conjugates]:
    """Return equations, overlaps and conjugates of a row."""
    saddle = SaddlePoint(solved.problem)
    _, hats = order_of(solved)
    return saddle, saddle.overlaps(saddle.couplings.coordinates(hats)), hats


def shared_noise(saddle: SaddlePoint, order: Overlaps, hats: Conjugates) -> float:
    """Return the correlation of what A_ij and A_ji owe to the noise of the sequences.

    In the mean the force of a row is a K0 y - κ √q ξ, with a = m̂ C/αn and κ = V̂/αn. A row of such
    forces alone is one of the squared error, of which A is symmetric; its q̂ in place of the row's
    obeys q̂ = αn [a²/C + κ² q] with the q that it makes itself.
    """
    if saddle.problem.loss == "squared-error":
        return 1.0
    context, colors = saddle.ensemble.context, saddle.ensemble.colors
    assert isinstance(context, Spectrum)
    m_hat, q_hat, V_hat = (float(each[0]) for each in (hats.m, hats.q, hats.V))
    many = saddle.alpha * (colors - 1)
    a, kappa = m_hat * colors / many, V_hat / many
    spread = float(saddle.couplings.spread(hats.V, saddle.lam)[0, 0])
    signal = float(order.q[0]) - q_hat * spread
    linear = many * (a * a / colors + kappa**2 * signal) / (1.0 - many * kappa**2 * spread)
    # Rounding leaves more than all of it, or less than nothing.
    return min(max(linear / q_hat, 0.0), 1.0) if q_hat > 0.0 else math.nan
