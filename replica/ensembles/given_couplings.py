"""The ensemble of one row of one given model, at its finite L."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from replica.arrays import Vector
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.few_couplings import field_error
from replica.ensembles.given_model import covariance
from replica.ensembles.spectrum import Spectrum
from replica.errors import FewCouplingsWarning
from replica.notices import tell
from replica.problem import RowTokens
from replica.problem.row_couplings import RowCouplings
from replica.quadrature.tilted_law import TiltedLaw

#: The errors of taking fields for Gaussian that are told apart, so that many rows say little.
_TOLD = (0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, eq=False)
class RowSpectrum(Spectrum):
    """The spectrum of one row, whose class means lie along another vector than the row itself.

    The means are G u ⊗ K0 e_y, so that u takes the place of the teacher; the true row w* enters
    its overlaps with w alone.

    Attributes
    ----------
    pull, row : arrays (nodes,)
        The components of u, and of w*, along the eigenvectors of G.
    """

    pull: Vector
    row: Vector

    @property
    def rho(self) -> Vector:
        """(w*ᵀ G u)²/(w*ᵀ G w*): that of the true row at the scale where its m and q are equal."""
        G = self.covariances[0]
        q = float(G @ self.row**2)
        return np.array([float(G @ self.cross) ** 2 / q if q > 0.0 else 0.0])

    @cached_property
    def teacher_norm2(self) -> float:
        """|w*|²."""
        return float(self.row @ self.row)

    @cached_property
    def cross(self) -> Vector:
        """The share of each node in w*·u."""
        return self.row * self.pull


class GivenCouplingsEnsemble(Ensemble):
    """Eigenvalues and eigenvectors of one cavity covariance, and tilted fields."""

    answers = frozenset({"prior", "threshold"})
    data: RowTokens

    @cached_property
    def spectrum(self) -> RowSpectrum:
        """G of the L - 1 other sites, each of weight 1/L."""
        context = self.data.context
        assert isinstance(context, RowCouplings)
        model, row = context.model, context.row
        known, true = covariance(model), model.teacher[row]
        rest = np.delete(np.arange(model.sites), row)
        # Schur's complement is the inverse of R^{-1} without the row and column of the site.
        R = known.covariance
        cavity = R[np.ix_(rest, rest)] - np.outer(R[rest, row], R[rest, row] / R[row, row])
        eigenvalues, vectors = np.linalg.eigh(cavity)
        _tell(field_error(true, model.colors, model.strongest))
        return RowSpectrum(
            eigenvalues[None, :],
            np.full(len(rest), 1.0 / model.sites),
            (pull := vectors.T @ known.interactions[rest, row]) ** 2,
            np.ones(1),
            pull,
            vectors.T @ true[rest],
        )

    @cached_property
    def law(self) -> TiltedLaw:
        """ω = m K0 e_y + √q ξ."""
        return TiltedLaw(self.colors)

    @property
    def share(self) -> float:
        """1 - 1/L: a row has a weight for every site but its own."""
        return float(self.spectrum.weights.sum())

    @property
    def separation(self) -> float:
        """uᵀ G u, of the row along the class means."""
        return float(self.spectrum.covariances[0] @ self.spectrum.teacher)

    @property
    def prior(self) -> Spectrum:
        """Rows of this norm, of any direction."""
        s = self.spectrum
        weights = s.weights / self.share
        return Spectrum(s.covariances, weights, s.teacher_norm2 * weights, s.scales)


def _tell(error: float) -> None:
    reached = [level for level in _TOLD if error >= level]
    if reached:
        told = (
            "the fields of a row are sums of few strong couplings, and not Gaussian as the theory "
            f"takes them: losses may be wrong by {100 * reached[-1]:g} % or more"
        )
        tell(told, FewCouplingsWarning)
