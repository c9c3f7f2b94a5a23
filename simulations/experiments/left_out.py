"""What trained rows reach without held-out sequences, as cells of a line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from replica.problem import Masking
from replica.validation import invalid, truth
from simulations.estimators.leave_one_out import LeftOut
from simulations.estimators.readings import READINGS


def check_left_out(
    leave_one_out: bool, estimator: str | None = None, masking: Masking | None = None
) -> bool:
    """Return whether sequences are left out, or raise ValueError where no minimiser is trained.

    With masks a sequence counts as often as it is masked: what is left without it is not known.
    """
    if truth("leave_one_out", leave_one_out) and estimator not in (None, "minimiser"):
        raise invalid("leave_one_out", True, f"False with the estimator {estimator}")
    if leave_one_out and masking is not None:
        raise invalid("leave_one_out", True, "False with masks")
    return leave_one_out


def cells_of(means: Mapping[str, float]) -> dict[str, float]:
    """Return the cells of means over rows."""
    return {f"loo_{name}": value for name, value in means.items()}


def cells_of_row(found: LeftOut, number: int) -> dict[str, float]:
    """Return the cells of one row."""
    names = [cell for name in READINGS for cell in (name, f"{name}_stderr")]
    cells = {f"loo_{name}": float(getattr(found, name)[number]) for name in names}
    return {name: cell if np.isfinite(cell) else np.nan for name, cell in cells.items()}
