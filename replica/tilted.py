"""The law of the fields of Potts tokens, as points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from replica.channel import Accuracy
from replica.point_rule import Sample
from replica.points import SCRAMBLES, lattice_near, sobol_noise


@dataclass(frozen=True)
class TiltedLaw:
    """ω = m K0 e_1 + √q ξ: the law of fields of Potts tokens with U = I."""

    colors: int

    def size(self, m: float, q: float) -> float:
        """Return q."""
        return q

    def sample(self, m: float, q: float, size: float, accuracy: Accuracy) -> Sample:
        """Return points with weights, good for fields of the variance `size`."""
        pull = np.full(self.colors, -1.0 / self.colors)
        pull[0] += 1.0
        lattice = lattice_near(self.colors, size, accuracy)
        if lattice is None:
            (noise,) = sobol_noise(self.colors, 1, accuracy)
            weights, parts = np.full(len(noise), 1.0 / len(noise)), SCRAMBLES
        else:
            noise, weights, parts = lattice.noise, lattice.weights, 1
        return Sample(m * pull + math.sqrt(q) * noise, weights, noise, pull, 0.0, parts)
