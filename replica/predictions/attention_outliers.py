"""What patterns in the couplings become in the attention matrix and in principal components."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from replica.ensembles.whole_sequences import WholeSequences
from replica.spectra.outlier import Outlier, outlier, threshold_ratio
from replica.spectra.population import SemicirclePopulation
from replica.spectra.silverstein import inverse, turning_points

#: The numbers of an answer that concern patterns.
OUTLIERS = (
    "outlier", "overlap", "pca_outlier", "pca_overlap", "onehot_outlier", "onehot_overlap",
    "spike_threshold", "onehot_threshold", "alpha_threshold", "uniform_outlier", "uniform_overlap",
)  # fmt: skip


class Trained(NamedTuple):
    """What training with the squared error makes of the covariance of the sequences.

    Attributes
    ----------
    diagonal, decay, scale : float
        p, the weight decay in P, and what multiplies A.
    """

    diagonal: float
    decay: float
    scale: float

    def of(self, covariance: Any) -> Any:
        """Return the eigenvalues of A of those of S = (1/L) Σ x xᵀ."""
        return self.scale * (1.0 - 1.0 / (self.diagonal * (covariance + self.decay)))


@dataclass(frozen=True)
class Sight:
    """What is seen of patterns in the sequences of L sites, γL observations of each.

    Attributes
    ----------
    pattern, uniform : Outlier
        The eigenvalue of S = (1/L) Σ x xᵀ, and the squared overlap of its eigenvector with the
        planted pattern, and with (1, …, 1); the edge of the bulk and 0 where none stands out.
    threshold : float
        The θ from which on a pattern stands out; NaN if none does.
    """

    pattern: Outlier
    uniform: Outlier
    threshold: float


def sight(whole: WholeSequences, ratio: float) -> Sight | None:
    """Return what γL observations, γ = `ratio`, show of patterns, or None where there are none."""
    bulk = whole.population
    if whole.pattern is None or not isinstance(bulk, SemicirclePopulation) or bulk.c == 0.0:
        return None
    (turns,) = turning_points(bulk, ratio)
    ends = inverse(bulk, ratio, turns)[0]
    upper = bulk.c < 0.0
    # Below the bulk nothing stands out of fewer observations than sites.
    lowest = float(ends[0]) if turns[0] > 0.0 else 0.0
    seen = upper or turns[0] > 0.0
    threshold = bulk.strength(float(turns[1 if upper else 0])) if seen else math.nan
    pattern, uniform = (
        become(bulk, strength, partial(outlier, bulk, ratio, edge=edge), edge)
        for strength, edge in (
            (whole.pattern, float(ends[1]) if upper else lowest),
            (whole.uniform, float(ends[1])),
        )
    )
    return Sight(pattern, uniform, threshold)


def outliers(alpha: float, whole: WholeSequences, trained: Trained) -> dict[str, float]:
    """Return what the patterns of the sequences become, in A and in their covariances."""
    ratio, alone = alpha * whole.observed, alpha / whole.observed
    seen, onehot = sight(whole, ratio), sight(whole, alone)
    if seen is None or onehot is None:
        return dict.fromkeys(OUTLIERS, math.nan)
    overlaps = (seen.pattern.overlap, onehot.pattern.overlap) if whole.pattern else (math.nan,) * 2
    place, uniform = seen.pattern.eigenvalue, seen.uniform
    apart = abs(whole.uniform) > 1.0
    found = (
        float(trained.of(place)), overlaps[0], place / ratio, overlaps[0],
        onehot.pattern.eigenvalue / alone, overlaps[1],
        seen.threshold, onehot.threshold, alpha_threshold(whole),
        float(trained.of(uniform.eigenvalue)) if apart else math.nan,
        uniform.overlap if apart else math.nan,
    )  # fmt: skip
    return dict(zip(OUTLIERS, found, strict=True))


def alpha_threshold(whole: WholeSequences) -> float:
    """Return the α from which on the planted pattern stands out of A; NaN if it never does."""
    bulk = whole.population
    if not whole.pattern or not isinstance(bulk, SemicirclePopulation) or bulk.c == 0.0:
        return math.nan
    if whole.pattern <= 1.0:
        return math.nan
    return threshold_ratio(bulk, eigenvalue_of(bulk, whole.pattern)) / whole.observed


def become(
    bulk: SemicirclePopulation, strength: float, seen: Callable[[float], Outlier], edge: float
) -> Outlier:
    """Return what a pattern becomes, of which J keeps the squared overlap 1 - 1/θ².

    Parameters
    ----------
    bulk : SemicirclePopulation
        G, without patterns.
    strength, edge : float
        θ, and the edge of the spectrum on the side of the pattern.
    seen : callable
        What one eigenvalue of G outside all others becomes.
    """
    if abs(strength) <= 1.0:
        return Outlier(edge, 0.0)
    found = seen(eigenvalue_of(bulk, strength))
    return Outlier(found.eigenvalue, (1.0 - 1.0 / strength**2) * found.overlap)


def eigenvalue_of(bulk: SemicirclePopulation, strength: float) -> float:
    """Return the eigenvalue of G of a pattern of strength θ: that of J is θ + 1/θ."""
    return bulk.at(strength + 1.0 / strength)
