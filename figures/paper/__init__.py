"""The figures of the paper, one file each."""

from __future__ import annotations

from figures.paper import (
    attention_spectrum,
    calibration,
    couplings,
    double_descent,
    finite_size,
    learning_curve,
    learning_curve_gaussian,
    learning_curve_similarity,
    masking_rate,
    order_parameters,
    phase_diagram,
    recovery,
    regularisation,
    rows,
    threshold,
    training_time,
    transformers,
)
from figures.paper.figure import FigureSource

FIGURES: tuple[FigureSource, ...] = (
    learning_curve.FIGURE,
    learning_curve_similarity.FIGURE,
    learning_curve_gaussian.FIGURE,
    couplings.FIGURE,
    order_parameters.FIGURE,
    regularisation.FIGURE,
    calibration.FIGURE,
    masking_rate.FIGURE,
    double_descent.FIGURE,
    threshold.FIGURE,
    phase_diagram.FIGURE,
    finite_size.FIGURE,
    rows.FIGURE,
    recovery.FIGURE,
    attention_spectrum.FIGURE,
    training_time.FIGURE,
    transformers.FIGURE,
)
