"""The largest separable training set of finite systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.problem import PottsTokens, Problem
from replica.problem.coupling_laws import GaussianCouplings
from replica.validation import integer, invalid, positive
from simulations.estimators.separability import separable_samples
from simulations.experiments.identity import identity
from simulations.sequences.potts import PottsModel
from simulations.sequences.sampler import sample


@dataclass(frozen=True)
class SeparabilityExperiment:
    """The largest separable training set of one row of one system.

    Parameters
    ----------
    data : PottsTokens
        What the sequences are, with U = I.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of couplings and sequences.
    most : float
        The sample ratio up to which separability is tried.
    """

    data: PottsTokens
    sites: int
    seed: int
    most: float

    def __post_init__(self) -> None:
        integer("sites", self.sites, 3)
        integer("seed", self.seed, 0)
        positive("most", self.most)
        if not isinstance(self.data, PottsTokens) or self.data.similarity is not None:
            raise invalid("data", self.data, "PottsTokens without a similarity")
        if self.data.couplings != GaussianCouplings.text:
            raise invalid("couplings", self.data.couplings, "gaussian where separability is tried")

    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table: the threshold of this system as its sample ratio.

        Where all sequences were separable the status is "max-steps".
        """
        content = (self.seed, self.sites, self.data.colors, _bits(self.data.beta))
        for_couplings, for_training = np.random.SeedSequence(content).spawn(2)
        model = PottsModel.random(self.data, self.sites, for_couplings)
        tokens = sample(model, round(self.most * self.sites), for_training)
        found = separable_samples(tokens, 0, model.colors)
        return [
            {
                **identity(Problem(self.most, 0.0, self.data), self.sites, found, self.seed),
                "alpha": found / self.sites,
                "status": "converged" if found < len(tokens) else "max-steps",
            }
        ]


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))
