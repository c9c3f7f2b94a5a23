"""Caches of arrays are bounded in bytes, whatever the size of one of them."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest

from replica import CustomTokens, GaussianTokens, PottsTokens
from replica.ensembles import ensemble_of
from replica.memory import MOST_BYTES, kept, size_of
from replica.saddle_point.observables import optimal_loss_at

#: Eleven arrays of a thousand numbers, with what their entries take.
_ELEVEN = 11 * 9024


def test_the_oldest_goes_until_the_others_fit():
    asked = []

    @kept(_ELEVEN)
    def ones(number: int) -> np.ndarray:
        asked.append(number)
        return np.full(1000, float(number))

    for number in range(10):
        assert ones(number)[0] == number
    ones(0)
    assert asked == list(range(10))
    for number in range(10, 14):
        ones(number)
    asked.clear()
    # 0 was asked for later than 1; the last stands whatever happened.
    ones(0), ones(13), ones(1)
    assert asked == [1]
    assert ones.bytes_taken() <= _ELEVEN


def test_a_result_larger_than_all_is_kept_alone():
    calls = []

    @kept(1000)
    def large(size: int) -> tuple[np.ndarray, ...]:
        calls.append(size)
        return np.zeros(size), np.zeros(size)

    large(10), large(5000), large(5000)
    assert calls == [10, 5000]
    assert large.bytes_taken() == pytest.approx(2 * 5000 * 8, abs=3000)


def test_sizes():
    data = CustomTokens.from_spectrum(np.ones(1000), np.ones(1000), np.ones(1000), 2)
    assert size_of((data, [np.zeros(5, dtype=np.int8)])) == pytest.approx(3 * 8000, abs=100)
    assert size_of(((1.0,) * 1000,) * 10) > 10 * 8000


def _spectrum(i: int) -> PottsTokens | GaussianTokens:
    return (
        PottsTokens(2, 2 * (0.9998 + 1e-6 * i)) if i % 2 else GaussianTokens(2.0 + 1e-8 * (i + 2))
    )


def test_memory_of_spectra_near_the_end_of_the_paramagnet():
    """Fifty of 3 MB to 8 MB each; sixty-four of them were kept, of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tracemalloc.start()
        try:
            for i in range(50):
                _ = ensemble_of(_spectrum(i)).spectrum
            taken = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert ensemble_of(_spectrum(49)).spectrum is ensemble_of(_spectrum(49)).spectrum
    assert taken < 2.1 * MOST_BYTES


def test_memory_of_optimal_losses_of_large_spectra():
    """Their arguments hold arrays too: 2.4 MB each."""
    rng = np.random.default_rng(0)
    tracemalloc.start()
    try:
        for _ in range(40):
            values = rng.uniform(0.1, 1.0, 100_000)
            data = CustomTokens.from_spectrum(values, np.ones(100_000), values / 1e5, 2)
            assert optimal_loss_at(ensemble_of(data), "cross-entropy") < np.log(2)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * MOST_BYTES
