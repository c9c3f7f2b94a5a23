"""What the rows of a system are as one matrix, as cells of a line."""

from __future__ import annotations

import math
from typing import Any

from replica.problem import DataModel, PottsTokens
from replica.validation import invalid, truth
from simulations.estimators.map_reading import read_map
from simulations.estimators.minimiser import Training
from simulations.sequences.potts import PottsModel
from simulations.sequences.systems import System

#: The columns of a whole matrix.
CELLS = ("outlier", "overlap", "pca_outlier", "pca_overlap", "symmetrised_error", "precision")


def check_whole(whole: Any, data: DataModel, sites: int, rows: Any, ensemble: Any) -> None:
    """Raise ValueError where rows that are to be read as one matrix are none."""
    if not truth("whole_matrix", whole):
        return
    if not isinstance(data, PottsTokens):
        raise invalid("whole_matrix", whole, "False but for PottsTokens")
    if rows not in (None, sites):
        raise invalid("rows", rows, f"all {sites} of the whole matrix, or left out")
    if ensemble is not None:
        raise invalid("ensemble", ensemble, "left out with the whole matrix")


def matrix_cells(system: System, training: Training) -> dict[str, float]:
    """Return the cells of the rows of a system, without overlaps where no pattern is planted."""
    assert isinstance(system.model, PottsModel)
    found = read_map(training.weights, system.model, system.train_tokens)
    cells = {name: float(getattr(found, name)) for name in CELLS}
    return {name: cell for name, cell in cells.items() if not math.isnan(cell)}
