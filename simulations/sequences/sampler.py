"""Sequences of the Potts model from independent heat-bath chains.

`sample` returns one sequence per chain; `Chains` can be advanced, tested and diagnosed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.notices import tell
from replica.validation import integer, invalid
from simulations.kernels.aside import awaited
from simulations.kernels.heat_bath import LANES, packed, randomise, sweep_chains
from simulations.kernels.pieces import pieces
from simulations.sequences.autocorrelation import Autocorrelation, integrated_time, split_r_hat
from simulations.sequences.mixing import Mixing, MixingWarning, compare
from simulations.sequences.potts import PottsModel, centred, check_carried, energy_differences
from simulations.tokens import Tokens, checked_seed, seen

#: Sweeps after which a chain that started from random tokens counts as equilibrated.
BURN_IN = 60

#: Sweeps in succession, where they are many: after a pause the fields cost one more.
_SWEEPS = 64
#: Local fields up to here are rounded by less than a hundredth in single precision.
_LARGEST_FIELD = 2.0**17

#: More sweeps than any computer makes, and few enough for a kernel to count.
_MOST_SWEEPS = 10**12


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
    threads : int
        Threads that share the chains; their number changes nothing but the time.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Chains, PottsModel
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> chains = Chains(model, chains=16, seed=1)
    >>> chains.run(sweeps=60).shape
    (16, 20)
    >>> few = Chains(model, chains=4, seed=1)
    >>> bool((few.run(60) == chains.tokens[:4]).all())
    True
    """

    def __init__(self, model: PottsModel, chains: int, seed: Any = 0, threads: int = 1) -> None:
        count = integer("chains", chains, 1)
        self._threads = integer("threads", threads, 1)
        if not isinstance(model, PottsModel):
            raise invalid("model", model, "a PottsModel")
        check_carried(model, _LARGEST_FIELD, "single")
        seed = checked_seed(seed)
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        self.model = model
        self.sweeps = 0
        self._tokens = np.empty((count, model.sites), dtype=np.uint8)
        self._generators = np.empty((4, count), dtype=np.uint32)
        for k in range(count):
            # As seed.spawn does, but without a trace in the caller's object.
            child = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, k))
            self._generators[:, k] = child.generate_state(4)
        randomise(self._tokens, self._generators, model.colors)
        rows, self._values = _in_float32(model)
        self._rows = packed(rows)
        bias = centred(model.teacher_bias)
        none = np.empty((0, model.colors), dtype=np.float32)
        self._pull = none if bias is None else bias.astype(np.float32, order="C")

    @property
    def tokens(self) -> Tokens:
        """A copy of the present states, an array (chains, sites)."""
        return self._tokens.copy()

    def run(self, sweeps: int) -> Tokens:
        """Advance every chain by `sweeps` sweeps and return a copy of the states."""
        sweeps = _sweeps("sweeps", sweeps)
        # Whole bundles of chains, as many for every thread as can be.
        bundles = -(-len(self._tokens) // LANES)
        share = -(-bundles // min(self._threads, bundles)) * LANES
        parts = [slice(k, k + share) for k in range(0, len(self._tokens), share)]
        # What is interrupted has not advanced.
        tokens, generators = self._tokens.copy(), self._generators.copy()
        work = [(tokens[part], generators[:, part]) for part in parts]
        if len(parts) == 1:
            self._advance(*work[0], sweeps, Event())
        else:
            self._share(work, sweeps)
        self._tokens, self._generators = tokens, generators
        self.sweeps += sweeps
        return self.tokens

    def _share(self, work: Sequence[tuple[Tokens, NDArray[np.uint32]]], sweeps: int) -> None:
        """Advance parts of the chains in threads."""
        given_up = Event()
        with ThreadPoolExecutor(len(work)) as pool:
            try:
                for part in [pool.submit(self._advance, *each, sweeps, given_up) for each in work]:
                    awaited(part)
            except BaseException:
                given_up.set()
                raise

    def _advance(
        self, tokens: Tokens, generators: NDArray[np.uint32], sweeps: int, given_up: Event
    ) -> None:
        model, values = self.model, self._values
        mixing = model.similarity is not None
        # Fields are added up in whole registers; a draw costs as much as some sites.
        visit = model.sites * (model.sites / LANES + 8 * model.colors)
        for some in pieces(sweeps, LANES * visit, _SWEEPS):
            count = some.stop - some.start
            for part in pieces(len(tokens), count * visit, LANES):
                if given_up.is_set():
                    return
                own = np.ascontiguousarray(generators[:, part])
                sweep_chains(tokens[part], own, self._rows, values, mixing, self._pull, count)
                generators[:, part] = own

    def burn_in(self, sweeps: int = BURN_IN) -> Mixing:
        """Advance by `sweeps` sweeps and compare the states half-way with those at the end.

        Warns
        -----
        MixingWarning
            If the chains still remember their state half-way (see `Mixing.mixed`).
        """
        sweeps = _sweeps("burn_in", sweeps)
        before = self.run(sweeps // 2)
        mixing = compare(self.model, before, self.run(sweeps - sweeps // 2))
        if not mixing.mixed:
            tell(
                f"burn_in = {sweeps} sweeps is too short: after it, {mixing} since half-way; "
                "take more sweeps, or a smaller |beta| if that does not help",
                MixingWarning,
            )
        return mixing

    def diagnose(self, sweeps: int = 200) -> Autocorrelation:
        """Advance by `sweeps` sweeps, at least 4, and watch energies and overlaps meanwhile.

        Overlaps are those of the chains 2k and 2k + 1, the fraction of sites where both have
        the same token. Two chains are enough; some tens make the times precise.

        Warns
        -----
        MixingWarning
            If the chains disagree (see `Autocorrelation.agree`).
        """
        sweeps = integer("sweeps", sweeps, 4)
        pairs = integer("chains", len(self._tokens), 2) // 2
        energies, overlaps = np.empty((2 * pairs, sweeps)), np.empty((pairs, sweeps))
        for sweep in range(sweeps):
            tokens = self.run(1)[: 2 * pairs]
            energies[:, sweep] = energy_differences(self.model, tokens)
            overlaps[:, sweep] = np.mean(tokens[0::2] == tokens[1::2], axis=1)
        found = Autocorrelation(
            integrated_time(energies),
            integrated_time(overlaps),
            split_r_hat(energies),
            split_r_hat(overlaps),
            sweeps,
            2 * pairs,
        )
        if not found.agree:
            tell(
                f"the chains disagree: {found}; burn in for more sweeps and watch more of them, "
                "or take a smaller |beta| if that does not help",
                MixingWarning,
            )
        return found


def _in_float32(model: PottsModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return β J and what of U a field sees, in units of a power of two that keep both in range."""
    values = seen(model.values)
    # The kernel takes U = I for granted where there is no other.
    unit = 1.0 if model.similarity is None else 2.0 ** np.frexp(np.abs(values).max())[1]
    return (model.teacher * unit).astype(np.float32), (values / unit).astype(np.float32)


def _sweeps(name: str, value: Any) -> int:
    sweeps = integer(name, value, 0)
    if sweeps > _MOST_SWEEPS:
        raise invalid(name, value, f"an integer from 0 to {_MOST_SWEEPS}")
    return sweeps


def sample(
    model: PottsModel, samples: int, seed: Any = 0, burn_in: int = BURN_IN, threads: int = 1
) -> Tokens:
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
    threads : int
        Threads that share the work; their number changes nothing but the time.

    Returns
    -------
    uint8 array (samples, sites)

    Warns
    -----
    MixingWarning
        If the burn-in was too short.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), sites=30, seed=0)
    >>> tokens = sample(model, samples=100, seed=1)
    >>> tokens.shape, tokens.dtype, int(tokens.max())
    ((100, 30), dtype('uint8'), 2)
    """
    chains = Chains(model, integer("samples", samples, 1), seed, threads)
    chains.burn_in(burn_in)
    return chains.tokens
