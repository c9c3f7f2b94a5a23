"""Label smoothing as a loss of one's own: as the theory takes it, and as a simulation does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax, wrightomega, xlogy


@dataclass(frozen=True)
class SmoothedCrossEntropy:
    """ℓ = log Σ e^h - t·h with the target t = (1 - ε) e_1 + ε/C; V p = ω(h + ...) of Wright."""

    smoothing: float = 0.0
    name: str = "smoothed"

    def value(self, h):
        return logsumexp(h, axis=-1) - h @ self.targets(np.eye(h.shape[-1])[0])

    def prox(self, omega, V):
        c = omega + V * self.targets(np.eye(omega.shape[-1])[0])
        t = logsumexp(c, axis=-1, keepdims=True)
        for _ in range(20):
            p = wrightomega(c - t + np.log(V)) / V
            total = p.sum(axis=-1, keepdims=True)
            t = t + np.log(total) * total / (p / (1 + V * p)).sum(axis=-1, keepdims=True)
        return c - V * p

    def optimum(self, probabilities):
        targets = self.targets(probabilities)
        return -(targets * np.log(targets)).sum(axis=-1)

    def targets(self, probabilities):
        return (1 - self.smoothing) * probabilities + self.smoothing / probabilities.shape[-1]


@dataclass(frozen=True)
class SmoothedTraining:
    """Its mean over what a token may be, and the gradient of that."""

    smoothing: float = 0.0
    name: str = "smoothed"

    def expected(self, fields, probabilities):
        targets = self.targets(probabilities)
        return logsumexp(fields, axis=-1) - (targets * fields).sum(axis=-1)

    def gradient(self, fields, probabilities):
        return softmax(fields, axis=-1) - self.targets(probabilities)

    def targets(self, probabilities):
        return (1 - self.smoothing) * probabilities + self.smoothing / probabilities.shape[-1]


class SmoothedTrainingToOptimum(SmoothedTraining):
    """The same, which also knows what the true law reaches."""

    def optimum(self, probabilities):
        targets = self.targets(probabilities)
        return -xlogy(targets, targets).sum(axis=-1)
