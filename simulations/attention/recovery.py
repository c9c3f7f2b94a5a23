"""Learnt attention beside the true couplings, once what no data can tell apart is removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replica.immutable import Immutable
from replica.validation import invalid
from simulations.attention.factored import FactoredAttention
from simulations.sequences.potts import PottsModel
from simulations.spread import correlation
from simulations.tokens import Floats, is_rounding, seen


@dataclass(frozen=True, eq=False)
class Recovery(Immutable):
    """Learnt and true parameters in the same gauge.

    Parameters
    ----------
    attention, couplings : arrays (sites, sites)
        A and β J.
    values, similarity : arrays (colors, colors)
        V and U.
    asymmetry : tuple of float
        Norms of the antisymmetric parts of A and V that were removed, relative to A and V.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, recover, sample, train_jointly
    >>> model = PottsModel.random(PottsTokens(3, 2.0), 10, seed=0)
    >>> found = recover(train_jointly(sample(model, 2000, seed=1), 3, lam=0.01).attention, model)
    >>> found.coupling_correlation > 0.95
    True
    """

    attention: Floats
    couplings: Floats
    values: Floats
    similarity: Floats
    asymmetry: tuple[float, float]

    @property
    def coupling_correlation(self) -> float:
        """Pearson's correlation of A_ij and J_ij over pairs of sites, NaN if one is constant."""
        pairs = np.triu_indices(len(self.couplings), k=1)
        return correlation(self.attention[pairs], self.couplings[pairs])

    @property
    def similarity_correlation(self) -> float:
        """Pearson's correlation of V_ab and U_ab over all pairs of colours."""
        return correlation(self.values, self.similarity)

    @property
    def coupling_error(self) -> float:
        """|A - β J|² / |β J|²."""
        gap = np.linalg.norm(self.attention - self.couplings)
        return float((gap / np.linalg.norm(self.couplings)) ** 2)

    @property
    def similarity_error(self) -> float:
        """|V - U|² / |U|²."""
        gap = np.linalg.norm(self.values - self.similarity)
        return float((gap / np.linalg.norm(self.similarity)) ** 2)


def recover(attention: FactoredAttention, model: PottsModel) -> Recovery:
    """Bring learnt and true parameters into one gauge.

    - V plus a matrix whose rows are all equal predicts the same: columns of V are centred. The
      mean over colours of what site i sees, Σ_j A_ij V 1, only shifts the marginal of its
      token, which is uniform here: rows are centred as well, and U likewise.
    - (c A, V / c) predicts the same: V gets the norm of U, and the sign that correlates with U.
    - The truth is symmetric: A and V are replaced by their symmetric parts.

    Parameters
    ----------
    attention : FactoredAttention
        The learnt layer.
    model : PottsModel
        The truth.

    Returns
    -------
    Recovery
        Learnt and true A and V, to be compared entry by entry.

    Raises
    ------
    ValueError
        If sizes differ, or if V vanishes in this gauge.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import FactoredAttention, PottsModel, recover
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 10, seed=0)
    >>> twice = FactoredAttention(2.0 * model.couplings, np.eye(3) / 2.0)  # the same but for β
    >>> round(recover(twice, model).coupling_correlation, 6)
    1.0
    """
    if not isinstance(attention, FactoredAttention):
        raise invalid("attention", attention, "a FactoredAttention")
    if not isinstance(model, PottsModel):
        raise invalid("model", model, "a PottsModel")
    if (attention.sites, attention.colors) != (model.sites, model.colors):
        found = f"{attention.sites} sites, {attention.colors} colors"
        raise invalid("attention", found, f"of {model.sites} sites and {model.colors} colors")
    similarity, centred = _centred(seen(model.values)), _centred(seen(attention.values))
    values = (centred + centred.T) / 2
    norm = np.linalg.norm(values)
    if is_rounding(values, attention.values):
        raise invalid("attention", "values without structure", "values that tell colors apart")
    if is_rounding(similarity, model.values):
        raise invalid("model", "a similarity without structure", "one that tells colors apart")
    scale = float(np.linalg.norm(similarity) / norm)
    if np.vdot(values, similarity) < 0:
        scale = -scale
    weights = attention.attention / scale
    return Recovery(
        (weights + weights.T) / 2,
        model.teacher,
        values * scale,
        similarity,
        (_asymmetry(attention.attention), _asymmetry(centred)),
    )


def _centred(matrix: Floats) -> Floats:
    by_column = matrix - matrix.mean(axis=0)
    centred: Floats = by_column - by_column.mean(axis=1, keepdims=True)
    return centred


def _asymmetry(matrix: Floats) -> float:
    norm = float(np.linalg.norm(matrix))
    return float(np.linalg.norm(matrix - matrix.T)) / 2 / norm if norm else 0.0
