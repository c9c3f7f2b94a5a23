"""The ensemble of tokens of which only the spectrum is known."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from replica.ensembles.ensemble import Ensemble
from replica.ensembles.spectrum import Spectrum
from replica.ensembles.whole_sequences import WholeSequences
from replica.problem import CustomTokens
from replica.quadrature.tilted_law import TiltedLaw
from replica.spectra.population import Atoms


class CustomEnsemble(Ensemble):
    """A given spectrum, and fields tilted by the masked token like those of Potts tokens."""

    answers = frozenset({"prior", "mean field", "threshold", "asymptotics", "whole"})
    data: CustomTokens

    @cached_property
    def spectrum(self) -> Spectrum:
        """The joint law of eigenvalues and teacher that was handed over."""
        data = self.data
        return Spectrum(data.eigenvalues[None, :], data.weights, data.teacher, np.ones(1))

    @property
    def whole(self) -> WholeSequences:
        """The spectrum that was handed over: in whole sequences it is that of a row's context."""
        G, weights = self.data.eigenvalues, self.data.weights
        return WholeSequences(Atoms.of(G, weights), G, weights, self.colors - 1)

    @cached_property
    def law(self) -> TiltedLaw:
        """ω = m K0 e_y + √q ξ."""
        return TiltedLaw(self.colors)
