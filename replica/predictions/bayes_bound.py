"""The best that any estimator of a row can do, knowing prior and covariance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq

from replica.channels.channel_of import channel_of
from replica.ensembles import answering
from replica.ensembles.ensemble import Ensemble
from replica.immutable import Immutable
from replica.problem import DataModel, Problem
from replica.quadrature.field_law import Evidence
from replica.quadrature.rule import TINY_OVERLAP, Accuracy, relative_difference
from replica.saddle_point.solution import Order, public
from replica.saddle_point.status import Status
from replica.validation import invalid, positive

#: Relative rounding error of an overlap.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class BayesBound(Immutable):
    """What the posterior mean of a row reaches, and no other estimator exceeds.

    Attributes
    ----------
    m : float or array
        w*ᵀGw = wᵀGw of the posterior mean w; one entry per colour mode, if there are several
        (see `Solution`).
    test_loss : float
        Smallest cross-entropy on fresh sequences of any estimate of the row.
    error_rate : float
        Error rate at this overlap.
    coupling_error : float
        Smallest mean squared error |w - w*|²/|w*|².
    quadrature_error : float
        Relative distance of the test loss to that of a finer quadrature.

    Examples
    --------
    >>> from replica import PottsTokens, bayes_bound
    >>> bound = bayes_bound(alpha=2.0, data=PottsTokens(3, 1.5))
    >>> round(bound.test_loss, 4), round(bound.coupling_error, 4)
    (0.9742, 0.5311)
    """

    m: Order
    test_loss: float
    error_rate: float
    coupling_error: float
    quadrature_error: float

    def line(self, problem: Problem, optimal_loss: float) -> dict[str, Any]:
        """Return the bound as a line of a table: of the cross-entropy, and of no weight decay.

        Parameters
        ----------
        problem : Problem
            Of the data and the sample ratio of the bound.
        optimal_loss : float
            The cross-entropy of the true conditional law, as of a solution.
        """
        status = Status.CONVERGED if math.isfinite(self.test_loss) else Status.NOT_FINITE
        return {
            "source": "theory",
            **problem.at(loss="cross-entropy").columns(without="lam"),
            "test_loss": self.test_loss,
            "optimal_loss": optimal_loss,
            "excess_loss": self.test_loss - optimal_loss,
            "error_rate": self.error_rate,
            "coupling_error": self.coupling_error,
            "m": self.m,
            "q": self.m,
            "status": str(status),
        }


def bayes_bound(alpha: float, data: DataModel) -> BayesBound:
    """Return the Bayes bound of a row, given the other couplings.

    Tilted by the masked token, the fields are Gaussian with a mean linear in w*, so each
    sequence measures w* with precision P = Σ_k u_k² G_k d_k/C, where d_k is the dimension of
    the colour mode k. With the prior w* ~ N(0, |w*|²/L) the posterior is Gaussian, and
    m_k = q_k = u_k² |w*|² <G_k α|w*|²P / (1 + α|w*|²P)>. Of Hopfield couplings the others tell
    the variances of w*, 1 + J/γ in units of |w*|²/L, by which |w*|² is multiplied. Of orthogonal
    ones they tell the row itself, up to its sign: no bound is of use, and it is refused.

    Of independent tokens a sequence measures w* the better the more is known: with
    P = E |∂ log P(y|ω)/∂ω|²/C at the fields of the posterior mean, m = |w*|²/C · gain/(1 + gain),
    gain = α|w*|²P, is a fixed point. The best prediction is then the posterior's, P(y|ω), which no
    row makes: the test loss is that.

    Parameters
    ----------
    alpha : float
        Sample ratio α = M/L, greater than 0.
    data : PottsTokens, CustomTokens, IndependentTokens or RowTokens of given couplings
        What the sequences are. Of a given row its norm counts alone: the bound is the mean over
        rows of any direction. A custom teacher must be as its prior says: independent of
        the covariance. It is refused where the bound would exceed what it reaches itself.

    Returns
    -------
    BayesBound
        Overlap, test loss, error rate and coupling error of the posterior mean.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, bayes_bound
    >>> round(bayes_bound(alpha=2.0, data=PottsTokens(colors=3, beta=1.5)).test_loss, 4)
    0.9742
    """
    alpha = positive("alpha", alpha)
    ensemble = answering(data, "prior")
    if ensemble.law.evidence(TINY_OVERLAP, Accuracy.COARSE) is not None:
        return _of_predictions(alpha, ensemble)
    spectrum = ensemble.prior
    w2, weights, scaled = spectrum.teacher_norm2, spectrum.weights, spectrum.scaled
    # Beyond 1e300 nothing is left to learn, and infinity would make no share of it.
    precision = alpha / ensemble.share * w2 * (ensemble.law.dimensions @ scaled) / data.colors
    variance = ensemble.prior_variance
    gain, weights = np.minimum(precision * variance, 1e300), weights * variance
    m = w2 * (scaled @ (weights * gain / (1 + gain)))
    rho = spectrum.rho
    if np.any(m > (1 + _ROUNDING) * rho):
        # Not even w* itself has an overlap above rho.
        shown = f"tokens with w*.G w* = {public(rho)}, a bound of {public(m)}"
        raise invalid("data", shown, "of a teacher that is independent of the covariance")
    channel = channel_of(ensemble.law, "cross-entropy")
    order = public(m)
    distance = float(weights @ (1 / (1 + gain))) if w2 > 0.0 else float("nan")
    # Without anything to learn, or to be seen of it in floating point, there is no field either.
    if not m.any():
        nothing = channel.optimal_loss(m, Accuracy.FINE)
        return BayesBound(order, nothing, 1.0 - 1.0 / data.colors, distance, 0.0)
    loss, finer = (channel.test_loss(m, m, a) for a in (Accuracy.FINE, Accuracy.FINER))
    rate = channel.error_rate(m, m, Accuracy.FINE)
    return BayesBound(order, loss, rate, distance, relative_difference([loss], [finer]))


def _of_predictions(alpha: float, ensemble: Ensemble) -> BayesBound:
    """Return the bound where what a sequence tells depends on what is known."""
    law, spectrum = ensemble.law, ensemble.prior
    w2, variance = spectrum.teacher_norm2, float(spectrum.scaled[0, 0])

    def evidence(m: float, accuracy: Accuracy) -> Evidence:
        found = law.evidence(max(m, TINY_OVERLAP), accuracy)
        assert found is not None
        return found

    def uncertain(found: Evidence) -> float:
        return 1.0 / (1.0 + alpha * w2 * variance * found.information)

    def missing(m: float) -> float:
        return w2 * variance * (1.0 - uncertain(evidence(m, Accuracy.FINER))) - m

    # Information grows with m, but less than what is left to know shrinks: there is one root.
    m = brentq(missing, 0.0, w2 * variance, xtol=1e-300, rtol=1e-13) if missing(0.0) > 0.0 else 0.0
    fine, finer = (evidence(m, each) for each in (Accuracy.FINE, Accuracy.FINER))
    seen = np.array([max(m, TINY_OVERLAP)])
    rate = law.error_rate(seen, seen, Accuracy.FINE)
    distance = uncertain(finer) if w2 > 0.0 else math.nan
    error = relative_difference([fine.loss], [finer.loss])
    return BayesBound(m, fine.loss, rate, distance, error)
