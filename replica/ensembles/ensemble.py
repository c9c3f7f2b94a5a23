"""What the theory knows of data: the covariances of a row's context, and the law of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from replica.ensembles.spectrum import Spectrum
from replica.errors import BadArgument
from replica.problem import DataModel
from replica.quadrature.field_law import FieldLaw
from replica.validation import refusal

#: Questions that some ensembles can answer only, and the data whose ensembles do.
ANSWERED = {
    "prior": "PottsTokens or CustomTokens",
    "mean field": "PottsTokens with U = I, or CustomTokens",
    "threshold": "PottsTokens of one colour mode, CustomTokens or IndependentTokens",
    "asymptotics": "PottsTokens with similarity None, CustomTokens or GaussianTokens",
}


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What the equations need of the law of a row's context, whatever data it comes from.

    Given the masked token y = a, of frequency π_a, the context of a row is Gaussian with a mean
    μ_a and a covariance Σ. An ensemble offers these to the two sides of the saddle point:

    - to the coupling equations, which return the overlaps m, q and V of given conjugates, as a
      `spectrum` where all covariances commute and the mean is G w* ⊗ K0 e_a. One that carries
      π, μ and Σ themselves has them beside it, with coupling equations of their own
      (`replica.saddle_point.equations.CouplingEquations`);
    - to the channel, which averages over the fields at given m, q and V, as the `law` of these.

    It is made by `replica.ensembles.ensemble_of`, once for a saddle point, and is the only part
    of the theory that looks at the data. What one does not know is refused here.

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
    def spectrum(self) -> Spectrum:
        """The joint law of the eigenvalues of the covariances and the teacher row."""
        raise self.unknown("data whose covariances have a common spectrum")

    @property
    def law(self) -> FieldLaw:
        """The joint law of fields and masked token."""
        raise NotImplementedError

    @property
    def dimensions(self) -> NDArray[np.int64]:
        """Dimension d_k of each colour mode."""
        return self.law.dimensions

    @property
    def components(self) -> int:
        """Components of a field that the teacher row can move: what a sample asks to be right."""
        return int(self.dimensions.sum())

    def require(self, question: str) -> None:
        """Raise ValueError unless this ensemble answers a question.

        "prior": w* is Gaussian and independent of the covariances. "mean field": linear
        regression, rescaled, estimates w*. "threshold": that of the cross-entropy is known.
        "asymptotics": few and many samples are.
        """
        if not self.knows(question):
            raise self.unknown(ANSWERED[question])

    def knows(self, question: str) -> bool:
        """Tell whether `require` accepts a question."""
        return question in self.answers

    def unknown(self, allowed: str) -> BadArgument:
        """Return the error that says which data are asked for instead."""
        return refusal("data", self.data, allowed)
