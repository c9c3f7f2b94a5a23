"""The ensemble of Potts tokens, in the paramagnet."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from replica.arrays import Vector
from replica.ensembles.colour_modes import colour_modes, eigenspaces
from replica.ensembles.colour_symmetries import all_alike, mirror
from replica.ensembles.couplings import Nodes, nodes_of
from replica.ensembles.ensemble import Ensemble
from replica.ensembles.spectrum import Spectrum
from replica.ensembles.whole_sequences import WholeSequences
from replica.memory import kept
from replica.problem import PottsTokens
from replica.problem.coupling_laws import GaussianCouplings, OrthogonalCouplings
from replica.problem.similarity import distinctions
from replica.quadrature.colour_mode_law import ModeLaw
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.tilted_law import TiltedLaw
from replica.spectra.population import SemicirclePopulation
from replica.validation import invalid

#: Change of a similarity, relative to its largest entry, that no average over the fields shows.
_ALIKE = 1e-9


class PottsEnsemble(Ensemble):
    """A function of J in every colour mode, and fields tilted by the masked token."""

    answers = frozenset({"prior", "mean field", "threshold", "asymptotics", "whole", "pairs"})
    data: PottsTokens

    def knows(self, question: str) -> bool:
        """Tell what is known: prior and threshold with a similarity, unless it hides a colour."""
        if question == "threshold":
            return bool(colour_modes(self.data).values.all())
        if question == "prior":
            return not _told(self.data)
        if question == "whole" and not isinstance(self.data.coupling_law, GaussianCouplings):
            return False
        return self.data.similarity is None

    def require(self, question: str) -> None:
        """Raise ValueError unless this ensemble answers a question."""
        if question == "threshold" and not self.knows(question):
            allowed = "one that tells all colours apart, for the threshold of the cross-entropy"
            raise invalid("similarity", self.data.similarity, allowed)
        if question == "prior" and not self.knows(question):
            allowed = "of another ensemble: J J = I tells the row, up to its sign, of the others"
            raise invalid("couplings", self.data.couplings, allowed)
        super().require(question)

    @property
    def spectrum(self) -> Spectrum:
        """G_k of every colour mode, functions of J."""
        return _spectrum(self.data)

    @property
    def whole(self) -> WholeSequences:
        """G of (4) with J of all sites, whose last term is a pattern along (1, …, 1)."""
        self.require("whole")
        data, b, spectrum = self.data, self.data.b, self.spectrum
        return WholeSequences(
            SemicirclePopulation(data.colors * (1.0 + b * b), -data.beta),
            spectrum.covariances[0],
            spectrum.weights,
            data.colors - 1,
            data.beta * _nodes(data).eigenvalues,
            data.spike,
            0.5 * b * (data.colors - 2),
        )

    @property
    def prior_variance(self) -> Vector | float:
        """The variance of w* by eigenvector of the others' couplings, in units of its mean."""
        variance: Vector | float = _nodes(self.data).prior
        return variance

    @property
    def searched(self) -> bool:
        """Whether there are several colour modes."""
        return not colour_modes(self.data).one

    @cached_property
    def law(self) -> FieldLaw:
        """ω = Σ_k (m_k P_k e_y + √q_k P_k ξ)."""
        if colour_modes(self.data).one:
            return TiltedLaw(self.colors)
        return _mode_law(self.data)

    @property
    def components(self) -> int:
        """The rank of the similarity on the complement of 1."""
        modes = colour_modes(self.data)
        return int(modes.dimensions[modes.values != 0.0].sum())


@kept()
def _mode_law(data: PottsTokens) -> ModeLaw:
    """Return the law with one masked colour, if symmetry makes it stand for all."""
    apart, rounding = distinctions(np.array(data.similarity))
    tolerance = _ALIKE * float(np.abs(apart).max()) + rounding
    bases = list(eigenspaces(data)[1])
    alike = all_alike(apart, tolerance)
    image = mirror(apart, tolerance, 0) if alike else None
    odd: list[bool] = []
    for k, basis in enumerate(bases):
        reflected = np.eye(len(basis)) if image is None else basis[:, image] @ basis.T
        signs, vectors = np.linalg.eigh(0.5 * (reflected + reflected.T))
        bases[k] = basis if image is None else vectors.T @ basis
        odd += (signs < 0.0).tolist()
    mode = np.repeat(np.arange(len(bases)), [len(basis) for basis in bases])
    masked = (0,) if alike else tuple(range(data.colors))
    return ModeLaw(np.concatenate(bases), mode, masked, tuple(odd))


def _told(data: PottsTokens) -> bool:
    """Tell whether the other couplings of a model leave nothing of a row unknown but its sign."""
    return isinstance(data.coupling_law, OrthogonalCouplings)


@kept()
def _nodes(data: PottsTokens) -> Nodes:
    return nodes_of(data, data.b * colour_modes(data).values)


@kept()
def _spectrum(data: PottsTokens) -> Spectrum:
    """G_k = [(1 + b_k R(b_k)) I - b_k J]^{-1} / C, b_k = u_k b, R the R-transform of J."""
    values, nodes = colour_modes(data).values, _nodes(data)
    b = data.b * values[:, None]
    reaction = b * data.coupling_law.r_transform(b)
    covariances = 1.0 / (data.colors * (1.0 + reaction - b * nodes.eigenvalues))
    return Spectrum(covariances, nodes.weights, data.beta**2 * nodes.row, values**2)
