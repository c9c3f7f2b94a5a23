"""Masks: how much they hide, and what they share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from replica import Masking
from simulations.sequences.masks import hide, mask_seeds, masks


@pytest.mark.parametrize("rate", [0.15, 0.7])
def test_masks_hide_a_share_of_the_tokens_independently(rate):
    """Each of three counts leaves its bounds by chance once in 10⁵ seeds."""
    hidden = masks(60, 40, Masking(rate, "static", 5), 3)
    assert hidden.shape == (5, 60, 40)
    pairs = hidden[:, :, 1:] & hidden[:, :, :-1], hidden[1:] & hidden[:-1]
    for found, chance in ((hidden, rate), (pairs[0][:, :, ::2], rate**2), (pairs[1][::2], rate**2)):
        low, high = binom.interval(1 - 1e-5, found.size, chance)
        assert low <= found.sum() <= high


def test_masks_are_nested():
    few, more = (masks(30, 20, Masking(0.3, "static", draws), 1) for draws in (2, 6))
    assert np.array_equal(few, more[:2])
    larger = masks(30, 20, Masking(0.5, "static", 2), 1)
    assert np.all(larger | ~few)
    assert larger.sum() > few.sum()


def test_systems_have_masks_of_their_own():
    seeds = [s for name in ((0, 20), (1, 20)) for n in (0, 1) for s in mask_seeds(name, n)]
    drawn = [masks(10, 20, Masking(0.5, "static"), seed).tobytes() for seed in seeds]
    assert len(set(drawn)) == len(drawn) == 8


def test_hidden_tokens_are_one_more_colour():
    tokens = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    hidden = np.array([[True, False, False], [False, False, True]])
    assert hide(tokens, hidden, 3).tolist() == [[3, 1, 2], [2, 1, 3]]
    assert hide(tokens, hidden, 3).dtype == np.uint8
