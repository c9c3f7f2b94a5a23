"""The heat-bath kernel: sequential sweeps of many independent chains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulations.kernels.jit import inlined, jit
from simulations.kernels.simd import add_one

#: Chains that advance together; arithmetic over them fills the vector registers.
LANES = 16

#: Sites whose fields lie side by side, for one chain and colour.
TILE = 64

#: Bytes of fields that stay in the nearest cache.
_NEAR = 64 * 1024

_ROUND = np.float32(1.5 * 2**23)
_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)


@inlined
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


@inlined
def uniform(state: Any, c: int) -> Any:
    """Return a uniform float32 in [0, 1) and advance the generator in column c of `state`.

    The generator is xoshiro128+ (Blackman & Vigna, arXiv:1805.01407), of which the upper 24
    bits are used.
    """
    s0, s1, s2, s3 = state[0, c], state[1, c], state[2, c], state[3, c]
    # Modulo 2^32, in numbers where the sum does not overflow.
    bits = np.uint32(((np.uint64(s0) + np.uint64(s3)) >> np.uint64(8)) & np.uint64(0xFFFFFF))
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


@inlined
def _zeros(size: int) -> Any:
    """Return float32 zeros that begin where a cache line begins."""
    room = np.zeros(size + 16, dtype=np.float32)
    shift = (-np.int64(room.ctypes.data) % 64) // 4
    return room[shift : shift + size]


@jit
def packed(couplings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows of a square matrix in tiles of columns, one behind the other."""
    sites = len(couplings)
    tiles = (sites + TILE - 1) // TILE
    rows: NDArray[np.float32] = _zeros(tiles * sites * TILE)
    for i in range(sites):
        for j in range(sites):
            rows[(j // TILE * sites + i) * TILE + j % TILE] = couplings[i, j]
    return rows


@jit
def sweep_chains(
    tokens: NDArray[np.uint8],
    generators: NDArray[np.uint32],
    rows: NDArray[np.float32],
    similarity: NDArray[np.float32],
    mixing: bool,
    pull: NDArray[np.float32],
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
    rows : float32 array
        β J, as `packed` returns it.
    similarity : float32 array (colors, colors)
        U, used if `mixing` is true and taken for the identity otherwise.
    pull : float32 array (sites, colors) or (0, colors)
        β f, the fields of the sites; of no line where there are none.
    """
    chains, sites = tokens.shape
    colors = similarity.shape[0]
    pulled = len(pull) > 0
    padded = (colors + 3) // 4 * 4
    tiles = (sites + TILE - 1) // TILE
    # For every tile, chain and colour a: Σ_i β J_ij [s_i = a]. Site j empties its fields when
    # it is visited; by its next visit every other site has been visited once and has added its
    # term. So an update adds one row of J, and rounding errors never pile up. A line of the
    # cache between chains keeps them out of each other's cache sets.
    span = colors * TILE + 16
    fields = _zeros(tiles * LANES * span)
    # Systems that do not fit the nearest cache hear of the draws of a tile together, so that
    # every field is fetched once per tile and not once per draw.
    near = tiles if 4 * fields.size <= _NEAR else 1
    logits = np.full((padded, LANES), -np.inf, dtype=np.float32)
    mixed = np.empty((colors, LANES), dtype=np.float32)
    top = np.empty(LANES, dtype=np.float32)
    total = np.empty(LANES, dtype=np.float32)
    drawn = np.empty(LANES, dtype=np.int32)
    state = np.zeros((4, LANES), dtype=np.uint32)
    shifts = np.zeros((LANES, sites), dtype=np.int64)
    for first in range(0, chains, LANES):
        lanes = min(LANES, chains - first)
        for c in range(lanes):
            for word in range(4):
                state[word, c] = generators[word, first + c]
        fields[:] = np.float32(0)
        # The round before the first keeps the tokens and only fills the fields, by the same
        # additions as a sweep: a pause between two sweeps leaves no trace.
        for sweep in range(-1, sweeps):
            for begin in range(0, tiles, near):
                end = min(begin + near, tiles)
                start, stop = begin * TILE, min(end * TILE, sites)
                for i in range(start, stop):
                    base = i // TILE * LANES * span + i % TILE
                    for c in range(LANES):
                        place = base + c * span
                        for a in range(colors):
                            logits[a, c] = fields[place + a * TILE]
                            fields[place + a * TILE] = np.float32(0)
                    if sweep < 0:
                        for c in range(lanes):
                            drawn[c] = tokens[first + c, i]
                    else:
                        own = i if pulled else -1
                        _draw(
                            logits, similarity, mixing, pull, own, state, mixed, top, total, drawn
                        )
                    for c in range(lanes):
                        # Rounding may have put the threshold on the very last sum.
                        token = np.int64(min(drawn[c], colors - 1))
                        tokens[first + c, i] = token
                        shifts[c, i] = token * TILE
                        for tile in range(begin, end):
                            target = (tile * LANES + c) * span + token * TILE
                            add_one(fields, target, rows, (tile * sites + i) * TILE, TILE)
                for tile in range(tiles):
                    if begin <= tile < end:
                        continue
                    for c in range(lanes):
                        base, shift = (tile * LANES + c) * span, shifts[c]
                        for i in range(start, stop):
                            source = (tile * sites + i) * TILE
                            add_one(fields, base + shift[i], rows, source, TILE)
        for c in range(lanes):
            for word in range(4):
                generators[word, first + c] = state[word, c]


@inlined
def _draw(
    logits: Any,
    similarity: Any,
    mixing: bool,
    pull: Any,
    own: int,
    state: Any,
    mixed: Any,
    top: Any,
    total: Any,
    drawn: Any,
) -> None:
    """Draw one token per lane from softmax_a(Σ_b U_ab logits[b] + pull[own, a]).

    Without a pull `own` is negative.

    A function of its own, and four colours at a time, so that the loops over lanes become
    vector instructions. `logits` is overwritten; its rows beyond the last colour are -inf,
    before and after.
    """
    colors, padded = similarity.shape[0], logits.shape[0]
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
    if own >= 0:
        for a in range(colors):
            for c in range(LANES):
                logits[a, c] += pull[own, a]
    for c in range(LANES):
        top[c] = logits[0, c]
        total[c] = np.float32(0)
        drawn[c] = 0
    for a in range(0, padded, 4):
        l0, l1, l2, l3 = logits[a], logits[a + 1], logits[a + 2], logits[a + 3]
        for c in range(LANES):
            top[c] = max(top[c], max(max(l0[c], l1[c]), max(l2[c], l3[c])))
    for a in range(0, padded, 4):
        l0, l1, l2, l3 = logits[a], logits[a + 1], logits[a + 2], logits[a + 3]
        for c in range(LANES):
            shift = top[c]
            s0 = total[c] + exponential(max(l0[c] - shift, np.float32(-87)))
            s1 = s0 + exponential(max(l1[c] - shift, np.float32(-87)))
            s2 = s1 + exponential(max(l2[c] - shift, np.float32(-87)))
            s3 = s2 + exponential(max(l3[c] - shift, np.float32(-87)))
            l0[c] = s0
            l1[c] = s1
            l2[c] = s2
            l3[c] = s3
            total[c] = s3
    for c in range(LANES):
        total[c] *= uniform(state, c)
    for a in range(0, padded, 4):
        l0, l1, l2, l3 = logits[a], logits[a + 1], logits[a + 2], logits[a + 3]
        for c in range(LANES):
            u = total[c]
            below = np.int32(l0[c] <= u) + np.int32(l1[c] <= u)
            drawn[c] += below + np.int32(l2[c] <= u) + np.int32(l3[c] <= u)
    for a in range(colors, padded):
        for c in range(LANES):
            logits[a, c] = -np.inf
