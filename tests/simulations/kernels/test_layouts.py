"""Kernels that take seconds to compile are compiled once, however their arrays lie in memory."""

from __future__ import annotations

import numpy as np
import pytest

from simulations import PottsModel
from simulations.kernels import cross_entropy, heat_bath
from simulations.sequences.sampler import Chains


def layouts(array: np.ndarray) -> list[np.ndarray]:
    """The same numbers by rows, by columns, and as a part of more columns."""
    beside = np.vstack([array, array])
    return [np.ascontiguousarray(array), np.asfortranarray(array),
            np.asfortranarray(beside)[: len(array)]]  # fmt: skip


def compiled(kernel) -> int:
    """How many versions this process has; none where compilation is off."""
    return len(getattr(kernel, "signatures", ()))


def test_losses_of_rows_and_their_gradients():
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, 3, (50, 20)).astype(np.uint8)
    values, rows = np.eye(3) + 0.1, np.arange(5)
    drawn = generator.normal(size=(20, 5)), generator.normal(size=(3, 5))
    groups = cross_entropy.sites_by_color(tokens, 3)
    found = []
    for weights, bias in zip(*map(layouts, drawn), strict=True):
        results = np.empty(5), np.empty_like(weights), np.empty((3, 3)), np.empty_like(bias)
        losses, slopes, in_values, in_bias = results
        cross_entropy.evaluate(
            tokens, groups, rows, weights, values, True, losses, slopes, in_values, bias, in_bias
        )
        found.append(results)
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            np.testing.assert_array_equal(one, other)
    assert compiled(cross_entropy._add_sequences) <= 1


@pytest.mark.parametrize("fields", [[0.3, -0.1, -0.2], np.arange(18.0).reshape(6, 3) / 9])
def test_sequences_pulled_by_fields(fields):
    couplings = np.ones((6, 6)) - np.eye(6)
    pulls = []
    for lies in layouts(np.broadcast_to(fields, (6, 3))):
        chains = Chains(PottsModel(couplings, 3, 0.2, fields=lies), 4, 1)
        pulls.append(chains.run(3))
    for other in pulls[1:]:
        np.testing.assert_array_equal(pulls[0], other)
    assert compiled(heat_bath.sweep_chains) <= 1
