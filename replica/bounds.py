"""The best that any estimator of a row can do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replica.arguments import positive, refusal
from replica.channel import Accuracy
from replica.channels import channel_of
from replica.data import CustomTokens, DataModel, PottsTokens
from replica.spectrum import spectrum_of


@dataclass(frozen=True)
class BayesBound:
    """What the posterior mean of a row reaches, and no other estimator exceeds.

    Attributes
    ----------
    m : float
        w*ᵀGw = wᵀGw of the posterior mean w.
    test_loss : float
        Smallest cross-entropy on fresh sequences of any estimate of the row.
    error_rate : float
        Error rate at this overlap.
    coupling_error : float
        Smallest mean squared error |w - w*|²/|w*|².
    quadrature_error : float
        Relative distance of the test loss to that of a finer quadrature.
    """

    m: float
    test_loss: float
    error_rate: float
    coupling_error: float
    quadrature_error: float


def bayes_bound(alpha: float, data: DataModel) -> BayesBound:
    """Return the Bayes bound of a row, given the other couplings.

    Tilted by the masked token, the fields are Gaussian with a mean linear in w*, so each
    sequence measures w* with precision G (C-1)/C. With the prior w* ~ N(0, |w*|²/L) the
    posterior is Gaussian, and m = q = |w*|² <κ|w*|²G² / (1 + κ|w*|²G)>, κ = α (C-1)/C.

    Parameters
    ----------
    alpha : float
        Sample ratio α = M/L, greater than 0.
    data : PottsTokens or CustomTokens
        What the sequences are. A custom teacher must be as its prior says: independent of
        the covariance.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    alpha = positive("alpha", alpha)
    if not isinstance(data, (PottsTokens, CustomTokens)):
        raise refusal("data", data, "PottsTokens or CustomTokens")
    spectrum = spectrum_of(data)
    w2 = float(spectrum.teacher.sum())
    G, weights = spectrum.covariances[0], spectrum.weights
    gain = alpha * (data.colors - 1) / data.colors * w2 * G
    m = np.array([w2 * (weights @ (G * gain / (1 + gain)))])
    channel = channel_of(data, "cross-entropy")
    # Without anything to learn there is no field either.
    if w2 == 0.0:
        nothing = channel.optimal_loss(m, Accuracy.FINE)
        return BayesBound(0.0, nothing, 1.0 - 1.0 / data.colors, float("nan"), 0.0)
    loss, finer = (channel.test_loss(m, m, a) for a in (Accuracy.FINE, Accuracy.FINER))
    return BayesBound(
        float(m[0]),
        loss,
        channel.error_rate(m, m, Accuracy.FINE),
        float(weights @ (1 / (1 + gain))),
        abs(loss - finer) / finer,
    )
