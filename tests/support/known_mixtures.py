"""Sequences whose moments are known: sites that are independent given the first one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Mixture(NamedTuple):
    """P(y = a) = frequencies[a], P(s_j = c | y = a) = chances[a, j, c]."""

    frequencies: np.ndarray
    chances: np.ndarray

    @classmethod
    def random(cls, frequencies, others, pull, seed=0):
        """Chances that differ from one masked token to the next by about `pull`."""
        rng = np.random.default_rng(seed)
        C = len(frequencies)
        fields = rng.normal(size=(others, C)) * 0.5 + pull * rng.normal(size=(C, others, C))
        weights = np.exp(fields)
        return cls(np.array(frequencies), weights / weights.sum(axis=-1, keepdims=True))

    def sample(self, count, seed):
        """Tokens (count, sites), the masked one first."""
        rng = np.random.default_rng(seed)
        y = rng.choice(len(self.frequencies), p=self.frequencies, size=count)
        steps = np.cumsum(self.chances[y], axis=-1)[..., :-1]
        others = (rng.random((*steps.shape[:2], 1)) > steps).sum(axis=-1)
        return np.column_stack([y, others])

    @property
    def moments(self):
        """The arguments of `RowTokens.from_moments`."""
        C, others, _ = self.chances.shape
        covariance = np.zeros((C, others, C, others, C))
        for a in range(C):
            for j in range(others):
                p = self.chances[a, j]
                covariance[a, j, :, j] = np.diag(p) - np.outer(p, p)
        return self.frequencies, self.chances, covariance
