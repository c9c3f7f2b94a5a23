"""What naive mean field and the quadratic estimator reach, from the theory of the squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from replica.channels.channel_of import channel_of
from replica.ensembles import answering
from replica.predictions.free_energy import free_energy
from replica.problem import DataModel, Problem
from replica.quadrature.rule import TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.couplings import coupling_error
from replica.saddle_point.equations import Conjugates
from replica.saddle_point.saddle_point import SaddlePoint
from replica.saddle_point.solution import vector
from replica.saddle_point.solver import solve
from replica.validation import one_of

#: Estimators that are rescaled rows of linear regression.
BaselineName = Literal["naive-mean-field", "quadratic"]
ESTIMATORS: tuple[BaselineName, ...] = get_args(BaselineName)


@dataclass(frozen=True)
class Baseline:
    """What an estimator of the inverse Potts problem reaches.

    Attributes
    ----------
    scale : float
        Factor between the row and that of linear regression.
    m, q : float
        Overlap w*ᵀGw with the true row, and own overlap wᵀGw.
    test_loss : float
        Cross-entropy on fresh sequences.
    error_rate : float
        Probability that the most likely colour is not the masked one.
    coupling_error : float
        |w - w*|²/|w*|²; NaN where w* vanishes.
    quadrature_error : float
        Bound on the relative error of the others: that of linear regression, and the distance
        of test loss and error rate to those of a finer quadrature.

    Examples
    --------
    >>> from replica import PottsTokens, mean_field_baseline
    >>> found = mean_field_baseline("naive-mean-field", alpha=2.0, data=PottsTokens(3, 1.5))
    >>> round(found.scale, 3), round(found.test_loss, 3)
    (5.0, 1.338)
    """

    scale: float
    m: float
    q: float
    test_loss: float
    error_rate: float
    coupling_error: float
    quadrature_error: float


def mean_field_baseline(
    estimator: BaselineName, alpha: float, data: DataModel, lam: float = 0.0
) -> Baseline:
    """Return what an estimator that solves linear equations reaches, for many sites.

    "naive-mean-field" takes minus the inverse of the correlation matrix, "quadratic" linear
    regression with the scale that brings it closest to the true row, whose norm must be
    known (Bachschmid-Romano & Opper, arXiv:1705.05403). Either row is w of the squared error
    times a factor (THEORY.md, section 11).

    Parameters
    ----------
    estimator : str
        "naive-mean-field" or "quadratic".
    alpha : float
        Sample ratio α = M/L, greater than 0; at λ = 0 greater than 1/(C-1).
    data : PottsTokens or CustomTokens
        What the sequences are, with U = I.
    lam : float
        Weight decay λ of the regression, 0 or greater.

    Returns
    -------
    Baseline
        Scale, overlaps, test loss, error rate and coupling error.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    ConvergenceError
        If regression has no unique solution: λ = 0 and α below 1/(C-1).

    Examples
    --------
    >>> from replica import PottsTokens, mean_field_baseline
    >>> found = mean_field_baseline("quadratic", alpha=2.0, data=PottsTokens(3, 1.5))
    >>> round(found.coupling_error, 4)
    0.6757
    """
    one_of("estimator", estimator, ESTIMATORS)
    ensemble = answering(data, "mean field")
    solution = solve(Problem(alpha, lam, data, "squared-error"))
    saddle = SaddlePoint(solution.problem)
    hats = vector(solution.m_hat), vector(solution.q_hat), vector(solution.V_hat)
    order = saddle.overlaps(saddle.couplings.coordinates(Conjugates(*hats)))
    if estimator == "quadratic":
        scale = order.teacher_overlap / order.norm2
    else:
        components = alpha * (data.colors - 1)
        scale = components / (2 * free_energy(solution) + solution.problem.lam)
    m, q = scale * solution.m, scale**2 * solution.q
    channel = channel_of(ensemble.law, "cross-entropy")
    fields = vector(m), vector(max(q, TINY_OVERLAP))
    fine, finer = (
        (channel.test_loss(*fields, each), channel.error_rate(*fields, each))
        for each in (Accuracy.FINE, Accuracy.FINER)
    )
    return Baseline(
        float(scale),
        float(m),
        float(q),
        *fine,
        coupling_error(
            saddle.couplings.teacher_norm2,
            scale * order.teacher_overlap,
            scale**2 * order.norm2,
        ),
        solution.quadrature_error + relative_difference(fine, finer),
    )
