"""Autocorrelation times of chains, and split-R-hat: whether several chains agree.

For a thorough look at one model (`Chains.diagnose`); `mixing` is the quick test of every burn-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.validation import invalid, numbers
from simulations.spread import deviation
from simulations.tokens import Floats

#: The window of the sum over lags is this many autocorrelation times long.
_WINDOW = 5.0

#: Largest split-R-hat of chains that agree.
AGREEMENT = 1.05

#: An autocorrelation time from fewer than this many of itself is only a lower bound.
ENOUGH = 50.0


@dataclass(frozen=True)
class Autocorrelation:
    """Integrated autocorrelation times, in sweeps, and split-R-hat of two observables.

    Parameters
    ----------
    energy_time, overlap_time : float
        τ = 1 + 2 Σ_t ρ(t), of the energy of a chain and of the overlap of two chains; states
        that are 2 τ sweeps apart count as independent. 1 for draws that are independent.
    energy_r_hat, overlap_r_hat : float
        Potential scale reduction of the halves of all chains; 1 where all have seen the same
        distribution.
    sweeps, chains : int
        What was looked at.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Chains, PottsModel
    >>> chains = Chains(PottsModel.random(PottsTokens(3, 1.5), 20, seed=0), chains=16, seed=1)
    >>> _ = chains.run(60)
    >>> found = chains.diagnose(sweeps=100)
    >>> found.sweeps, found.chains, found.time >= 1.0
    (100, 16, True)
    """

    energy_time: float
    overlap_time: float
    energy_r_hat: float
    overlap_r_hat: float
    sweeps: int
    chains: int

    @property
    def time(self) -> float:
        """The longer of the two times."""
        return max(self.energy_time, self.overlap_time)

    @property
    def enough(self) -> bool:
        """Whether the times are short against the run they were measured in."""
        return self.sweeps >= ENOUGH * self.time

    @property
    def agree(self) -> bool:
        """Whether all chains have seen the same distribution, as far as split-R-hat tells."""
        return max(self.energy_r_hat, self.overlap_r_hat) <= AGREEMENT

    def __str__(self) -> str:
        bound = "" if self.enough else "at least "
        return (
            f"autocorrelation time of the energy {bound}{self.energy_time:.1f} and of the overlap "
            f"{bound}{self.overlap_time:.1f} sweeps, split-R-hat {self.energy_r_hat:.3f} and "
            f"{self.overlap_r_hat:.3f}, from {self.chains} chains of {self.sweeps} sweeps"
        )


def integrated_time(series: Any) -> float:
    """Return τ = 1 + 2 Σ_t ρ(t) of independent stationary series of one observable.

    The sum ends at the first lag beyond five times itself (Sokal, in *Functional
    Integration*, NATO ASI B 361, 1997, section 3); autocovariances are averaged over the
    series, around their common mean.

    Parameters
    ----------
    series : array (chains, times)
        At least two times.

    Returns
    -------
    float
        τ in steps of the series, 1 or greater; 1 for a constant series.

    Raises
    ------
    ValueError
        If the array has another shape, or an entry is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import integrated_time
    >>> noise = np.random.default_rng(0).standard_normal((4, 2000))
    >>> slow = np.repeat(noise, 5, axis=1)  # every value stays for five steps
    >>> round(integrated_time(noise)), round(integrated_time(slow))
    (1, 5)
    """
    values = _gaps(_checked(series, 2))
    times = values.shape[1]
    if not values.any():
        return 1.0
    deviations = values - values.mean()
    spectrum = np.fft.rfft(deviations, n=2 * times, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :times].mean(axis=0)
    covariance /= np.arange(times, 0, -1)
    sums = 2 * np.cumsum(covariance / covariance[0]) - 1
    (beyond,) = np.nonzero(np.arange(times) >= _WINDOW * sums)
    return float(max(1.0, sums[beyond[0]] if len(beyond) else sums[-1]))


def split_r_hat(series: Any) -> float:
    """Return the potential scale reduction of series cut into halves.

    Gelman et al., *Bayesian Data Analysis*, third edition, section 11.4.

    Parameters
    ----------
    series : array (chains, times)
        At least four times.

    Returns
    -------
    float
        Near 1 for stationary chains; infinite if they stand still at different values.

    Raises
    ------
    ValueError
        If the array has another shape, or an entry is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import split_r_hat
    >>> noise = np.random.default_rng(0).standard_normal((4, 2000))
    >>> round(split_r_hat(noise), 1), split_r_hat(noise + np.arange(4)[:, None]) > 1.2
    (1.0, True)
    """
    values = _gaps(_checked(series, 4))
    half = values.shape[1] // 2
    halves = np.concatenate([values[:, :half], values[:, -half:]])
    firsts = halves[:, :1]
    within = float(np.mean(deviation(halves.T) ** 2))
    between = float(deviation(firsts[:, 0] + np.mean(halves - firsts, axis=1)) ** 2)
    if within == 0:
        return 1.0 if between == 0 else float("inf")
    return float(np.sqrt((half - 1) / half + between / within))


def _gaps(values: Floats) -> Floats:
    """Return differences from the first entry, the largest near 1: neither counts for a time.

    Where all entries are close to each other the differences are exact, as those from their
    mean, which is rounded, would not be. Powers of two keep squares from leaving the range.
    """
    for _ in range(2):
        values = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
        values = values - values[0, 0]
    return values


def _checked(series: Any, least: int) -> Floats:
    allowed = f"an array (chains, {least} or more) of finite numbers"
    values = numbers("series", series, allowed)
    if values.ndim != 2 or not values.shape[0] or values.shape[1] < least:
        raise invalid("series", f"array {values.shape}", allowed)
    return values
