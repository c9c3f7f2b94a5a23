"""The heat-bath kernel: sequential sweeps of many independent chains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.jit import jit

#: Chains that advance together; arithmetic over them fills the vector registers.
LANES = 16

_ROUND = np.float32(1.5 * 2**23)
_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)


@jit
def exponential(x: Any) -> Any:
    """Return exp(x) for float32 x in [-87, 88], to a relative 2e-7."""
    # x = n ln 2 + r: adding 1.5·2^23 leaves the integer n in the low bits of the sum.
    shifted = np.float32(x * _LOG2E + _ROUND)
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    exponent = np.uint32(np.uint32(shifted.view(np.uint32) + np.uint32(127)) << np.uint32(23))
    return p * exponent.view(np.float32)


@jit
def uniform(state: Any, c: int) -> Any:
    """Return a uniform float32 in [0, 1) and advance the generator in column c of `state`.

    The generator is xoshiro128+ (Blackman & Vigna, arXiv:1805.01407), of which the upper 24
    bits are used.
    """
    s0, s1, s2, s3 = state[0, c], state[1, c], state[2, c], state[3, c]
    bits = np.uint32(np.uint32(s0 + s3) >> np.uint32(8))
    s2 ^= s0
    s3 ^= s1
    state[1, c] = s1 ^ s2
    state[0, c] = s0 ^ s3
    state[2, c] = s2 ^ np.uint32(s1 << np.uint32(9))
    state[3, c] = np.uint32(s3 << np.uint32(11)) | np.uint32(s3 >> np.uint32(21))
    return np.float32(np.int32(bits)) * np.float32(2.0**-24)


@jit
def randomise(tokens: NDArray[np.uint8], generators: NDArray[np.uint32], colors: int) -> None:
    """Draw every token (chains, sites) uniformly, each chain by its own generator."""
    chains, sites = tokens.shape
    for k in range(chains):
        for i in range(sites):
            tokens[k, i] = int(uniform(generators, k) * np.float32(colors))


@jit
def sweep_chains(
    tokens: NDArray[np.uint8],
    generators: NDArray[np.uint32],
    couplings: NDArray[np.float32],
    similarity: NDArray[np.float32],
    mixing: bool,
    sweeps: int,
) -> None:
    """Visit the sites of every chain in order, `sweeps` times, drawing each from its conditional.

    Parameters
    ----------
    tokens : uint8 array (chains, sites)
        The states; changed in place.
    generators : uint32 array (4, chains)
        The state of one generator per chain; changed in place. No chain reads another's, so
        a chain's history depends on nothing but its own seed.
    couplings : float32 array (sites, sites)
        β J.
    similarity : float32 array (colors, colors)
        U, used if `mixing` is true and taken for the identity otherwise.
    """
    chains, sites = tokens.shape
    colors = similarity.shape[0]
    # Rows are padded so that they split into whole vectors and do not share cache sets.
    width = (sites + 31) // 32 * 32
    rows = np.zeros((sites, width), dtype=np.float32)
    rows[:, :sites] = couplings
    # fields[.., c, a, j] collects Σ_i β J_ij [s_i = a] of chain c. Site j empties its fields
    # when it is visited; by its next visit every other site has been visited once and has
    # added its term. So an update adds one row of J, and rounding errors never pile up.
    fields = np.zeros((LANES, colors, width + 16), dtype=np.float32)
    logits = np.empty((colors, LANES), dtype=np.float32)
    mixed = np.empty((colors, LANES), dtype=np.float32)
    top = np.empty(LANES, dtype=np.float32)
    total = np.empty(LANES, dtype=np.float32)
    drawn = np.empty(LANES, dtype=np.int32)
    state = np.zeros((4, LANES), dtype=np.uint32)
    for first in range(0, chains, LANES):
        lanes = min(LANES, chains - first)
        fields[:] = np.float32(0)
        for c in range(lanes):
            for word in range(4):
                state[word, c] = generators[word, first + c]
            for i in range(sites):
                for j in range(i):
                    fields[c, tokens[first + c, i], j] += couplings[i, j]
        for _ in range(sweeps):
            for i in range(sites):
                for c in range(lanes):
                    for a in range(colors):
                        logits[a, c] = fields[c, a, i]
                        fields[c, a, i] = np.float32(0)
                if mixing:
                    for a in range(colors):
                        for c in range(LANES):
                            mixed[a, c] = np.float32(0)
                        for b in range(colors):
                            for c in range(LANES):
                                mixed[a, c] += similarity[a, b] * logits[b, c]
                    for a in range(colors):
                        for c in range(LANES):
                            logits[a, c] = mixed[a, c]
                for c in range(LANES):
                    top[c] = logits[0, c]
                    total[c] = np.float32(0)
                    drawn[c] = 0
                for a in range(1, colors):
                    for c in range(LANES):
                        top[c] = max(top[c], logits[a, c])
                for a in range(colors):
                    for c in range(LANES):
                        total[c] += exponential(max(logits[a, c] - top[c], np.float32(-87)))
                        logits[a, c] = total[c]
                for c in range(LANES):
                    total[c] *= uniform(state, c)
                for a in range(colors - 1):
                    for c in range(LANES):
                        drawn[c] += np.int32(logits[a, c] <= total[c])
                for c in range(lanes):
                    tokens[first + c, i] = drawn[c]
                    field, row = fields[c, drawn[c]], rows[i]
                    for j in range(width):
                        field[j] += row[j]
        for c in range(lanes):
            for word in range(4):
                generators[word, first + c] = state[word, c]
