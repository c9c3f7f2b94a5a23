"""What the theory knows of data: the covariances of a row's context, and the law of its fields."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from replica.arrays import Vector
from replica.ensembles.spectrum import Spectrum
from replica.ensembles.whole_sequences import WholeSequences
from replica.errors import BadArgument
from replica.problem import DataModel, RowTokens
from replica.quadrature.field_law import FieldLaw
from replica.validation import invalid

#: Questions that some ensembles can answer only, and the data whose ensembles do.
ANSWERED = {
    "prior": "PottsTokens, CustomTokens, IndependentTokens or a row of given couplings",
    "mean field": "PottsTokens with U = I, or CustomTokens",
    "threshold": "PottsTokens, CustomTokens, IndependentTokens or RowTokens, with colours that are "
    "told apart by fields with noise",
    "asymptotics": "PottsTokens with similarity None, CustomTokens or GaussianTokens",
    "whole": "PottsTokens with gaussian couplings and similarity None, GaussianTokens(joint=True) "
    "or CustomTokens, of which whole sequences are known",
    "pairs": "PottsTokens without a similarity, or GaussianTokens of whole sequences",
}


#: The least share of a scale in ρ that counts.
_SEEN = 1e-9


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the equations need of the law of a row's context, whatever data it comes from.

    Given the masked token y = a, of frequency π_a, the context of a row is Gaussian with a mean
    μ_a and a covariance Σ_a. The two sides of the saddle point ask for it in the form that each
    averages over:

    - the coupling equations, which return the overlaps m, q and V of given conjugates, for the
      `context`: a `Spectrum` where all covariances commute and μ_a = G w* ⊗ K0 e_a, else the
      moments π, μ and Σ themselves. Every form has its entry in `replica.saddle_point.couplings`;
    - the channel, which averages over the fields at given m, q and V, for the `law` of these.

    The rest of the theory asks the two sides and `rho`, in whatever shapes they have; only what
    `require` guards may ask for the `spectrum`. An ensemble is made by
    `replica.ensembles.ensemble_of`, once for a saddle point, and is the only part of the theory
    that looks at the data. What one does not know is refused here.

    Attributes
    ----------
    data : DataModel
        What the sequences are.
    answers : frozenset of str
        Questions beyond the saddle point that it answers: see `require`.
    """

    data: DataModel

    answers: ClassVar[frozenset[str]] = frozenset()

    @property
    def colors(self) -> int:
        """C."""
        return self.data.colors

    @property
    def context(self) -> object:
        """The law of the context as the coupling equations average over it."""
        return self.spectrum

    @property
    def rho(self) -> Vector:
        """ρ, the overlap of the true row with itself, of the shape of q."""
        return self.spectrum.rho

    @property
    def spectrum(self) -> Spectrum:
        """The joint law of the eigenvalues of the covariances and the teacher row."""
        raise self.unknown("data whose covariances have a common spectrum")

    @property
    def whole(self) -> WholeSequences:
        """What is known of all sites together."""
        raise self.unknown(ANSWERED["whole"])

    @property
    def prior(self) -> Spectrum:
        """The spectrum with the rows among which the true one is drawn, as its prior says."""
        return self.spectrum

    @property
    def prior_variance(self) -> Vector | float:
        """The variance of w* by node of the spectrum, in units of |w*|²/L; 1 if all are alike."""
        return 1.0

    @property
    def share(self) -> float:
        """Weights of a row for each of the L sites: 1 unless L is finite."""
        return 1.0

    @property
    def separation(self) -> float:
        """The largest m²/q of any row, which tells the classes apart best."""
        return float(self.rho[0])

    @property
    def searched(self) -> bool:
        """Whether the threshold of the cross-entropy takes a search, as it has no formula."""
        return False

    @property
    def law(self) -> FieldLaw:
        """The joint law of fields and masked token."""
        raise NotImplementedError

    @property
    def lacks_tokens(self) -> bool:
        """Whether some colour is never the masked token."""
        return False

    @property
    def components(self) -> int:
        """Components of a field that the teacher row can move: what a sample asks to be right."""
        return int(self.law.dimensions.sum())

    @property
    def interpolation(self) -> float:
        """The α at which linear regression begins to fit every sample, infinity if at none.

        A sample asks as many components of a field to be right as there are, and a row has L, or
        the share of a finite one.
        """
        return self.share / self.components if self.components else math.inf

    def log_weight_decays(self, noise: float) -> tuple[float, float]:
        """Return log λ of the least and the largest λ that w* asks for on one of its scales.

        Along an eigenvector of G the best λ is the noise of what is regressed, in units of 1/|w*|²,
        over the variance of w* per site.
        """
        spectrum = self.spectrum
        pull = spectrum.teacher * (spectrum.scales @ spectrum.covariances)
        counts = (pull > _SEEN * pull.sum()) & (spectrum.weights > 0.0)
        scales = np.log(noise) + np.log(spectrum.weights[counts]) - np.log(spectrum.teacher[counts])
        return float(scales.min()), float(scales.max())

    def require(self, question: str) -> None:
        """Raise ValueError unless this ensemble answers a question.

        "prior": w* is Gaussian given the covariances, which may tell its variances. "mean field":
        linear regression, rescaled, estimates w*. "threshold": that of the cross-entropy is
        known. "asymptotics": few and many samples are. "whole": so is the covariance of whole
        sequences. "pairs": all rows estimate one symmetric matrix of couplings.
        """
        if not self.knows(question):
            raise self.unknown(ANSWERED[question])

    def knows(self, question: str) -> bool:
        """Tell whether `require` accepts a question."""
        return question in self.answers

    def unknown(self, allowed: str) -> BadArgument:
        """Return the error that says which data are asked for instead."""
        # Of a row the repr is full of arrays.
        shown = self.data.name if isinstance(self.data, RowTokens) else self.data
        return invalid("data", shown, allowed)
