"""What the figure `attention-spectrum` trains itself: maps that are shown, and a given model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from replica.problem import Problem
from replica.problem.data_model import LossName

#: What the column `part` numbers: entries of a matrix, spectra, a pattern, pairs.
PICTURE, SPECTRUM, PATTERN, PAIRS = range(4)


@dataclass(frozen=True)
class MapTask:
    """One attention map: its entries, or its eigenvalues."""

    problem: Problem
    sites: int
    part: int

    def run(self) -> list[dict[str, Any]]:
        """Return a line for every entry, or eigenvalue."""
        from simulations import attention_map
        from simulations.experiments.identity import identity
        from simulations.sequences.systems import Size, systems

        problem, samples = self.problem, round(self.problem.alpha * self.sites)
        size = Size(self.sites, samples, 8, self.sites, 60)
        (system,) = systems(problem.data, size, (0, self.sites, samples))
        found = attention_map(
            system.train_tokens, problem.data.colors, problem.lam, cast(LossName, problem.loss)
        )
        common = identity(problem, self.sites, samples, 0)
        common |= {"part": self.part, "status": found.status}
        if self.part == SPECTRUM:
            values = found.eigenvalues.tolist()
            return [common | {"row": k, "eigenvalue": value} for k, value in enumerate(values)]
        # Sites of one sign of the pattern stand together.
        pattern: Any = getattr(system.model, "pattern", None)
        order = np.argsort(pattern, kind="stable")
        A = found.attention[np.ix_(order, order)]
        return [
            common | {"row": i, "column": j, "learnt": float(a)} for (i, j), a in np.ndenumerate(A)
        ]


@dataclass(frozen=True)
class ModelTask:
    """Pairs that rows of one given model find."""

    problem: Problem
    seed: int

    def run(self) -> list[dict[str, Any]]:
        """Return one line."""
        from simulations import PottsModel, attention_map, measured_precision, sample
        from simulations.experiments.given_rows import model_of
        from simulations.experiments.identity import identity

        problem, given = self.problem, model_of(self.problem)
        samples = round(problem.alpha * given.sites)
        model = PottsModel(given.couplings, given.colors, given.beta)
        tokens = sample(model, samples, np.random.SeedSequence((self.seed, samples)))
        found = attention_map(tokens, given.colors, problem.lam, cast(LossName, problem.loss))
        line = identity(problem, given.sites, samples, self.seed)
        precision = measured_precision(found.attention, given.couplings)
        return [line | {"part": PAIRS, "status": found.status, "precision": precision}]


def sparse_couplings(sites: int) -> NDArray[np.float64]:
    """Return couplings of either sign and of several strengths to three neighbours a site."""
    rng = np.random.default_rng(0)
    ring, J = rng.permutation(sites), np.zeros((sites, sites))
    J[ring, np.roll(ring, 1)] = rng.choice((-1.0, 1.0), sites)
    one, two = ring.reshape(2, -1)
    J[one, two] += rng.choice((-1.0, 1.0), sites // 2)
    J = np.triu(J + J.T, 1) * rng.uniform(0.3, 1.0, (sites, sites)) / np.sqrt(3.0)
    symmetric: NDArray[np.float64] = J + J.T
    return symmetric
