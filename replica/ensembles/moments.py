"""The ensemble of one row of which the moments are known: a mixture of Gaussians as they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.ensembles.ensemble import Ensemble
from replica.problem import RowTokens
from replica.problem.row_moments import RowMoments
from replica.quadrature.mixture_law import MixtureLaw, Truth
from replica.quadrature.point_sets import complement
from replica.quadrature.symmetric import packed, unpacked


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the inputs of a row given its token, colours in the basis of `complement`.

    A covariance is used only through Σ_cd A_cd Σ_jk B_jk Cov(F_jc, F_kd) of symmetric A and B: it
    is kept as the matrix that makes this number of the `packed` A and B.

    Attributes
    ----------
    frequencies : array (colors,)
        π.
    means : array (colors, colors - 1, sites - 1)
        μ: first the token, then the colour difference, then the site.
    covariances : array (1 or colors, pairs of colour differences, pairs of sites)
        Σ, one for all tokens or one for each.
    teacher : array (sites - 1,) or None
        The true row w*, if there is one.
    """

    frequencies: Vector
    means: Vector
    covariances: Vector
    teacher: Vector | None = None

    @property
    def sites(self) -> int:
        """L, the masked site with the others."""
        return int(self.means.shape[2]) + 1

    @property
    def groups(self) -> NDArray[np.intp]:
        """Which of the covariances each token has."""
        return np.arange(len(self.frequencies)) % len(self.covariances)


def packed_covariance(covariance: Vector) -> Matrix:
    """Return a covariance (sites, colors, sites, colors) as one entry of `Moments.covariances`."""
    sites, colors = covariance.shape[:2]
    basis = complement(colors)
    pairs = np.transpose(np.triu_indices(colors - 1))
    found = np.empty((len(pairs), sites * (sites + 1) // 2))
    half = (covariance.reshape(-1, colors) @ basis.T).reshape(sites, colors, -1)
    blocks = (basis @ half).reshape(sites, colors - 1, sites, colors - 1).transpose(1, 3, 0, 2)
    for place, (c, d) in enumerate(pairs):
        # Of the blocks (c, d) and (d, c), each the other's transpose, only the sum counts.
        block = blocks[c, d]
        found[place] = packed(0.5 * (block + block.T)) * (1.0 if c == d else np.sqrt(2.0))
    return found


class MomentEnsemble(Ensemble):
    """The moments themselves, and fields ω|a ~ N(m_a, q_a)."""

    data: RowTokens

    answers = frozenset({"threshold"})
    searched = True

    def knows(self, question: str) -> bool:
        """Tell whether a question is answered, the threshold where all fields have noise."""
        return super().knows(question) and bool((self._ranks == self.colors - 1).all())

    @cached_property
    def context(self) -> Moments:
        """The moments."""
        given = self._given
        basis = complement(self.colors)
        one = given.covariance.shape[-4:]
        each = given.covariance.reshape(-1, *one)
        pairs, squares = (size * (size + 1) // 2 for size in (self.colors - 1, one[0]))
        covariances = np.empty((len(each), pairs, squares))
        for place, covariance in zip(covariances, each, strict=True):
            place[:] = packed_covariance(covariance)
        means = np.ascontiguousarray((given.means @ basis.T).transpose(0, 2, 1))
        return Moments(given.frequencies, means, covariances, given.teacher)

    @property
    def rho(self) -> Vector:
        """The covariance of the true fields given each token; NaN where no true row is known."""
        truth = self.law.truth
        return np.full((self.colors,) * 3, np.nan) if truth is None else truth.q

    @cached_property
    def law(self) -> MixtureLaw:
        """ω|a ~ N(m_a, q_a)."""
        context = self.context
        if context.teacher is None:
            return MixtureLaw(context.frequencies, None)
        w, basis = context.teacher, complement(self.colors)
        field = np.zeros(self.colors) if self._given.field is None else self._given.field
        m = context.means @ w + basis @ field
        q = unpacked(context.covariances @ packed(np.outer(w, w)), self.colors - 1)
        q = np.broadcast_to(basis.T @ q @ basis, (self.colors,) * 3)
        return MixtureLaw(context.frequencies, Truth(m @ basis, q))

    @property
    def interpolation(self) -> float:
        """That of the dimension of the inputs, over the ranks of the fields of every token.

        A row has fewer than L components: the mask, and directions that no input shows, are none.
        """
        context, n = self.context, self.colors - 1
        inputs = unpacked(packed(np.eye(n)) @ context.covariances.sum(axis=0), context.sites - 1)
        shown = self._ranks[context.groups] @ context.frequencies
        rank = int(np.linalg.matrix_rank(inputs, hermitian=True))
        return rank / (context.sites * float(shown)) if shown else math.inf

    @cached_property
    def _ranks(self) -> NDArray[np.intp]:
        """The dimension of the fields that each covariance makes."""
        context = self.context
        traces = context.covariances @ packed(np.eye(context.sites - 1))
        ranks: NDArray[np.intp] = np.linalg.matrix_rank(
            unpacked(traces, self.colors - 1), hermitian=True
        )
        return ranks

    def log_weight_decays(self, noise: float) -> tuple[float, float]:
        """Return log of C times the mean variance of an input, where a row is of order 1."""
        context, n = self.context, self.colors - 1
        identities = packed(np.eye(n)), packed(np.eye(context.sites - 1))
        variances = context.covariances @ identities[1] @ identities[0]
        mean = float(variances.mean()) / (n * (context.sites - 1))
        place = math.log(noise * self.colors * max(mean, np.finfo(float).tiny))
        return place, place

    @property
    def _given(self) -> RowMoments:
        given = self.data.context
        assert isinstance(given, RowMoments)
        return given
