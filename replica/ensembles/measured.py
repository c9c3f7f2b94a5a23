"""The ensemble of one row of given sequences: moments that are measured, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.ensembles.moments import MomentEnsemble, Moments, packed_covariance
from replica.problem.row_sequences import RowSequences
from replica.quadrature.mixture_law import MixtureLaw
from replica.quadrature.point_sets import complement

#: Degrees of freedom below which the covariance of a class is measured together with others.
_FEW = 20

#: The frequency of a letter that the row never shows, for which it still has a logit.
_UNSEEN = 1e-9


@dataclass(frozen=True, eq=False)
class MeasuredMoments(Moments):
    """Moments that are measured on as many sequences as are given.

    Attributes
    ----------
    covariances : array (groups, pairs of colour differences, pairs of sites)
        Σ of groups of tokens that share one.
    counts : array (colors,)
        N_a, the number of sequences, of equal weight, behind each mean; infinite where there is
        none.
    of_token : integer array (colors,)
        Which of the covariances each token has.
    degrees : array (groups,)
        ν, the degrees of freedom behind each covariance.
    """

    counts: Vector = None  # type: ignore[assignment]
    of_token: NDArray[np.intp] = None  # type: ignore[assignment]
    degrees: Vector = None  # type: ignore[assignment]

    @property
    def groups(self) -> NDArray[np.intp]:
        """Which of the covariances each token has."""
        return self.of_token


class _Class(NamedTuple):
    """What is measured of the sequences with one value of the masked token."""

    weight: float
    number: float
    mean: Matrix
    scatter: Vector

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the scatter about the mean."""
        return max(self.number - 1.0, 0.0)


class MeasuredEnsemble(MomentEnsemble):
    """Moments of given sequences, corrected where the equations use them for their error."""

    @cached_property
    def context(self) -> MeasuredMoments:
        """The moments, with one covariance for each class or one for all.

        Classes of few sequences share theirs: rare ones together, and where even these are few,
        with the rarest of the others.
        """
        given = self._sequences
        counts = given.sequences.counts(given.row)
        inputs = _inputs(given)
        y = given.sequences.tokens[:, given.row]
        classes = [_measured(inputs[y == a], counts[y == a]) for a in range(given.colors)]
        order, weights = range(given.colors), np.array([each.weight for each in classes])
        groups = _grouped(classes, given.covariance == "common")
        degrees = np.array([sum(classes[a].degrees for a in group) for group in groups])
        covariances = [
            packed_covariance(sum(classes[a].scatter for a in group) / of)
            for group, of in zip(groups, degrees, strict=True)
        ]
        means = np.array([each.mean for each in classes]) @ complement(given.colors).T
        frequencies = np.maximum(weights / weights.sum(), _UNSEEN)
        found = np.array([each.number for each in classes])
        of_token = [next(g for g, group in enumerate(groups) if a in group) for a in order]
        return MeasuredMoments(
            frequencies / frequencies.sum(),
            np.ascontiguousarray(means.transpose(0, 2, 1)),
            np.array(covariances),
            counts=np.where(found > 0.0, found, np.inf),
            of_token=np.array(of_token),
            degrees=degrees,
        )

    @cached_property
    def law(self) -> MixtureLaw:
        """ω|a ~ N(m_a, q_a); no true row is known."""
        return MixtureLaw(self.context.frequencies, None)

    @property
    def lacks_tokens(self) -> bool:
        """Whether the row never shows some letter."""
        return bool(np.isinf(self.context.counts).any())

    @property
    def _sequences(self) -> RowSequences:
        given = self.data.context
        assert isinstance(given, RowSequences)
        return given


def _inputs(given: RowSequences) -> Vector:
    """Return F_j = U s_j of the other sites, an array (sequences, sites - 1, colors)."""
    sequences = given.sequences
    U = np.eye(given.colors) if sequences.similarity is None else sequences.similarity
    # A missing token adds nothing, and what is common to all colours does not, either.
    values = np.vstack([U - U.mean(axis=1, keepdims=True), np.zeros(given.colors)])
    inputs: Vector = values[np.delete(sequences.tokens, given.row, axis=1)]
    return inputs


def _measured(inputs: Vector, counts: Vector) -> _Class:
    """Return the moments of the sequences of one class, of which each counts so much."""
    sequences, *shape = inputs.shape
    total = float(counts.sum())
    if total == 0.0:
        return _Class(0.0, 0.0, np.zeros(shape), np.zeros(2 * shape))
    flat = inputs.reshape(sequences, -1)
    count = total**2 / float(counts @ counts)
    mean = counts @ flat / total
    centred = (flat - mean) * np.sqrt(counts * (count / total))[:, None]
    return _Class(total, count, mean.reshape(shape), (centred.T @ centred).reshape(2 * shape))


def _grouped(classes: list[_Class], common: bool) -> list[list[int]]:
    """Return the classes that share a covariance, each group by their numbers."""
    order = sorted(range(len(classes)), key=lambda a: -classes[a].degrees)
    if common:
        return [order]
    groups = [[a] for a in order if classes[a].degrees >= _FEW] or [order[:1]]
    rare = order[len(groups) :]
    if sum(classes[a].degrees for a in rare) >= _FEW:
        groups.append(rare)
    else:
        groups[-1] += rare
    return groups
