"""Extrapolation to infinitely long sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from replica.validation import integer, invalid, numbers

#: Condition of a design, whose square leaves its normal equations few digits.
_SINGULAR = 1e6


@dataclass(frozen=True)
class Extrapolation:
    """A polynomial in 1/L fitted to measurements at several L.

    Parameters
    ----------
    value, stderr : float
        The limit L → ∞ and its standard error.
    coefficients : tuple of float
        Of 1, 1/L, 1/L², ...
    chi2 : float
        Sum of the squared deviations in units of the standard errors.
    degrees : int
        Degrees of freedom, points minus coefficients.

    Examples
    --------
    >>> from simulations import extrapolate
    >>> found = extrapolate(sites=[20, 40, 80], values=[1.10, 1.05, 1.025], stderrs=[0.01] * 3)
    >>> round(found.value, 3), round(found.coefficients[1], 3), found.degrees
    (1.0, 2.0, 1)
    """

    value: float
    stderr: float
    coefficients: tuple[float, ...]
    chi2: float
    degrees: int

    @property
    def p_value(self) -> float:
        """Probability of a chi2 this large or larger if the polynomial is right.

        It is 1 where no degree of freedom is left to test it.
        """
        return float(chdtrc(self.degrees, self.chi2)) if self.degrees else 1.0


def extrapolate(sites: Any, values: Any, stderrs: Any, order: int = 1) -> Extrapolation:
    """Fit values = c_0 + c_1/L + ... + c_order/L^order by weighted least squares.

    Parameters
    ----------
    sites : sequence of int
        L of each measurement; more than `order` different ones.
    values, stderrs : sequences of float
        Independent measurements and their standard errors, which are taken as known; one that
        is listed twice counts once.
    order : int
        Order of the polynomial in 1/L, at least 1.

    Returns
    -------
    Extrapolation
        The limit L → ∞ with its standard error, and how well the fit describes the points.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from simulations import extrapolate
    >>> found = extrapolate(sites=[20, 40, 80], values=[1.10, 1.05, 1.025], stderrs=[0.01] * 3)
    >>> round(found.value, 3), round(found.stderr, 3)
    (1.0, 0.012)
    """
    order = integer("order", order, 1)
    allowed = f"a list of more than {order} different positive lengths"
    lengths = numbers("sites", sites, allowed)
    if lengths.ndim != 1 or not np.all(lengths > 0) or len(set(lengths.tolist())) <= order:
        raise invalid("sites", sites, allowed)
    allowed = f"{len(lengths)} finite numbers"
    measured, errors = numbers("values", values, allowed), numbers("stderrs", stderrs, allowed)
    for name, array in (("values", measured), ("stderrs", errors)):
        if array.shape != lengths.shape:
            raise invalid(name, array.tolist(), allowed)
    if not np.all(errors > 0):
        raise invalid("stderrs", errors.tolist(), "numbers greater than 0")
    lengths, measured, errors = _each_once(lengths, measured, errors)
    powers = lengths[:, None] ** -np.arange(order + 1.0)
    # Columns of equal size keep the normal equations well conditioned.
    sizes = powers.max(axis=0)
    design = powers / sizes / errors[:, None]
    if np.linalg.cond(design) > _SINGULAR:
        raise invalid(
            "sites", lengths.tolist(), "lengths that differ by more, to tell orders apart"
        )
    covariance = np.linalg.inv(design.T @ design)
    coefficients = covariance @ design.T @ (measured / errors)
    deviations = measured / errors - design @ coefficients
    return Extrapolation(
        float(coefficients[0]),
        float(np.sqrt(covariance[0, 0])),
        tuple(float(c) for c in coefficients / sizes),
        float(deviations @ deviations),
        len(lengths) - order - 1,
    )


def _each_once(*columns: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Return the columns with every line that they have in common once, in order."""
    different = dict.fromkeys(zip(*columns, strict=True))
    return tuple(np.array(column) for column in zip(*different, strict=True))
