"""Best temperatures and the losses with them, as cells of a line; none but of the cross-entropy."""

from __future__ import annotations

import numpy as np

from simulations.spread import standard_error
from simulations.tokens import Floats


def calibration_of_row(temperature: float, calibrated_loss: float) -> dict[str, float]:
    """Return the cells of one row."""
    if np.isnan(calibrated_loss):
        return {}
    return {"temperature": _known(temperature), "calibrated_loss": float(calibrated_loss)}


def calibration_of_rows(temperature: Floats, calibrated_loss: Floats) -> dict[str, float]:
    """Return means over rows and their standard errors.

    Of temperatures 1/T is averaged, to which a row that knows little adds little.
    """
    if np.isnan(calibrated_loss).any():
        return {}
    with np.errstate(divide="ignore", invalid="ignore"):
        cold = 1 / temperature
        T = 1 / cold.mean()
        error = T**2 * standard_error(cold)
    return {
        "temperature": _known(T),
        "calibrated_loss": float(np.mean(calibrated_loss)),
        "temperature_stderr": _known(error),
        "calibrated_loss_stderr": float(standard_error(calibrated_loss)),
    }


def _known(value: float) -> float:
    """Return a temperature, or NaN where it is infinite: nothing is known of the token."""
    return float(value) if np.isfinite(value) else np.nan
