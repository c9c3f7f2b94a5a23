"""Finite systems of every kind of data that can be sampled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch
from typing import NamedTuple

import numpy as np

from replica.problem import DataModel, IndependentTokens, PottsTokens
from replica.problem.coupling_laws import GaussianCouplings
from replica.problem.row_couplings import GivenModel
from replica.validation import invalid
from simulations.sequences.independent import IndependentRow
from simulations.sequences.potts import PottsModel
from simulations.sequences.sampler import Chains
from simulations.tokens import Tokens

#: Test sequences drawn from one chain, and the sweeps between two of them.
SNAPSHOTS, SPACING = 8, 5


class Size(NamedTuple):
    """How much to sample: sites, training and test sequences, trained rows, sweeps."""

    sites: int
    samples: int
    test_samples: int
    rows: int
    burn_in: int


class System(NamedTuple):
    """Sequences to train on and to test on, the model they come from, and the masked sites."""

    model: PottsModel | IndependentRow
    train_tokens: Tokens
    test_tokens: Tokens
    rows: range
    memory: float | None


@singledispatch
def systems(data: DataModel, size: Size, seed: Sequence[int]) -> Iterator[System]:
    """Yield systems with so many masked sites together.

    Parameters
    ----------
    data : PottsTokens or IndependentTokens
        What the sequences are.
    size : Size
        How many of them.
    seed : sequence of int
        Source of all randomness, to which what the data are is added.
    """
    allowed = "PottsTokens or IndependentTokens, which can be sampled"
    raise invalid("data", data, allowed)


@systems.register
def potts_systems(data: PottsTokens, size: Size, seed: Sequence[int]) -> Iterator[System]:
    """One system, of which every site can be masked."""
    _, for_training, for_test = _potts_seeds(data, seed)
    yield _sampled(potts_model(data, size.sites, seed), size, for_training, for_test)


def potts_model(data: PottsTokens, sites: int, seed: Sequence[int]) -> PottsModel:
    """Return the model of a system, without its sequences."""
    return PottsModel.random(data, sites, _potts_seeds(data, seed)[0])


def _potts_seeds(data: PottsTokens, seed: Sequence[int]) -> list[np.random.SeedSequence]:
    """Return seeds for couplings, training and test."""
    similarity = (u for row in data.similarity or () for u in row)
    planted = (data.spike,) if data.spike else ()
    return _seeds(seed, data, data.beta, *similarity, *_named(data.couplings), *planted)


def given_system(given: GivenModel, size: Size, seed: Sequence[int]) -> System:
    """Return sequences of one given model, the same whichever of its rows are asked for."""
    words = np.frombuffer(bytes.fromhex(given.digest.partition(":")[2]), dtype="<u4").tolist()
    for_training, for_test = _seeds((*seed, *words), given, given.beta, count=2)
    model = PottsModel(given.couplings, given.colors, given.beta)
    return _sampled(model, size, for_training, for_test)


def _sampled(
    model: PottsModel,
    size: Size,
    for_training: np.random.SeedSequence,
    for_test: np.random.SeedSequence,
) -> System:
    chains = Chains(model, size.samples, for_training)
    memory = chains.burn_in(size.burn_in).memory
    fresh = Chains(model, -(-size.test_samples // SNAPSHOTS), for_test)
    fresh.burn_in(size.burn_in)
    test_tokens = np.concatenate([fresh.run(SPACING) for _ in range(SNAPSHOTS)])
    return System(model, chains.tokens, test_tokens[: size.test_samples], range(size.rows), memory)


@systems.register
def independent_systems(
    data: IndependentTokens, size: Size, seed: Sequence[int]
) -> Iterator[System]:
    """One system for every row, as the masked token alone depends on the others."""
    for child in _seeds(seed, data, data.coupling_norm, count=size.rows):
        for_couplings, for_training, for_test = child.spawn(3)
        model = IndependentRow.random(data, size.sites, for_couplings)
        train_tokens = model.sample(size.samples, for_training)
        yield System(model, train_tokens, model.sample(size.test_samples, for_test), range(1), None)


def _named(couplings: str) -> tuple[float, ...]:
    """Return the name of an ensemble as numbers; nothing for the usual one."""
    return () if couplings == GaussianCouplings.text else tuple(map(float, couplings.encode()))


def _seeds(
    seed: Sequence[int], data: DataModel | GivenModel, *numbers: float, count: int = 3
) -> list[np.random.SeedSequence]:
    """Return seeds that depend on what the data are, to the last bit of their numbers."""
    words = np.array(numbers, dtype="<f8").view("<u8").tolist()
    return np.random.SeedSequence((*seed, data.colors, *words)).spawn(count)
