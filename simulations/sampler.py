"""Sequences of the Potts model from independent heat-bath chains."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from replica.arguments import integer
from simulations.fields import Tokens
from simulations.heatbath import randomise, sweep_chains
from simulations.mixing import Mixing, MixingWarning, compare
from simulations.potts import PottsModel

#: Sweeps after which a chain that started from random tokens counts as equilibrated.
BURN_IN = 60


class Chains:
    """Independent heat-bath chains, started from uniformly random tokens.

    One sweep draws every site once, in order, from its exact conditional. Chain k is
    driven by the k-th child of the seed alone: the first chains of a larger set are those
    of a smaller one, and sampling in two steps equals sampling in one.

    Parameters
    ----------
    model : PottsModel
        What to sample.
    chains : int
        Number of chains, at least 1.
    seed : int or numpy.random.SeedSequence
        Source of all randomness.
    """

    def __init__(self, model: PottsModel, chains: int, seed: Any = 0) -> None:
        count = integer("chains", chains, 1)
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(integer("seed", seed, 0))
        self.model = model
        self.sweeps = 0
        self._tokens = np.empty((count, model.sites), dtype=np.uint8)
        self._generators = np.empty((4, count), dtype=np.uint32)
        for k in range(count):
            # As seed.spawn does, but without a trace in the caller's object.
            child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k))
            self._generators[:, k] = child.generate_state(4)
        randomise(self._tokens, self._generators, model.colors)

    @property
    def tokens(self) -> Tokens:
        """A copy of the present states, an array (chains, sites)."""
        return self._tokens.copy()

    def run(self, sweeps: int) -> Tokens:
        """Advance every chain by `sweeps` sweeps and return a copy of the states."""
        sweeps = integer("sweeps", sweeps, 0)
        model = self.model
        sweep_chains(
            self._tokens,
            self._generators,
            model.teacher.astype(np.float32),
            model.values.astype(np.float32),
            model.similarity is not None,
            sweeps,
        )
        self.sweeps += sweeps
        return self.tokens

    def burn_in(self, sweeps: int = BURN_IN) -> Mixing:
        """Advance by `sweeps` sweeps and compare the states half-way with those at the end.

        Warns
        -----
        MixingWarning
            If the chains still remember their state half-way (see `Mixing.mixed`).
        """
        sweeps = integer("burn_in", sweeps, 0)
        before = self.run(sweeps // 2)
        mixing = compare(self.model, before, self.run(sweeps - sweeps // 2))
        if not mixing.mixed:
            warnings.warn(
                f"burn_in = {sweeps} sweeps is too short: after it, {mixing} since half-way; "
                "take more sweeps, or a smaller |beta| if that does not help",
                MixingWarning,
                stacklevel=2,
            )
        return mixing


def sample(model: PottsModel, samples: int, seed: Any = 0, burn_in: int = BURN_IN) -> Tokens:
    """Return independent sequences of the model, one per chain.

    Parameters
    ----------
    model : PottsModel
        What to sample.
    samples : int
        Number of sequences, at least 1.
    seed : int or numpy.random.SeedSequence
        Source of all randomness.
    burn_in : int
        Sweeps from uniformly random tokens to the sequence.

    Returns
    -------
    uint8 array (samples, sites)

    Warns
    -----
    MixingWarning
        If the burn-in was too short.
    """
    chains = Chains(model, integer("samples", samples, 1), seed)
    chains.burn_in(burn_in)
    return chains.tokens
