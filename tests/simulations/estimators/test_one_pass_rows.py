"""Rows in one pass, against a loop over sequences, sites and colours."""

from __future__ import annotations

import numpy as np
import pytest

from replica import Schedule
from simulations import train_once

RING = np.array([[1.0, 0.4, 0.1], [0.4, 1.3, -0.2], [0.1, -0.2, 0.8]])


def by_hand(tokens, colors, lam, rate, similarity, row, loss):
    """The row of one site after all sequences, a sum at a time."""
    samples, sites = tokens.shape
    w = [0.0] * sites
    for number in range(samples):
        s = tokens[number]
        z = [
            sum(w[j] * similarity[a][s[j]] for j in range(sites) if j != row) for a in range(colors)
        ]
        if loss == "cross-entropy":
            total = sum(np.exp(x) for x in z)
            slope = [np.exp(x) / total - (a == s[row]) for a, x in enumerate(z)]
        else:
            mean = sum(z) / colors
            slope = [x - mean - (a == s[row]) + 1 / colors for a, x in enumerate(z)]
        eta = rate((number + 0.5) / sites) / sites
        for j in range(sites):
            if j != row:
                push = sum(slope[a] * similarity[a][s[j]] for a in range(colors))
                w[j] = (1 - eta * lam) * w[j] - eta * push
    return w


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("similarity", [None, RING], ids=["plain", "similar"])
def test_rows_are_those_of_the_loop(loss, similarity):
    tokens = np.random.default_rng(4).integers(3, size=(25, 7))
    rate = Schedule(1.7, "1/t", 0.8)
    course = train_once(tokens, 3, 0.3, rate, [0, 10, 25], loss, similarity, rows=[5, 2])
    (none, start), (ten, middle), (all_, end) = course
    assert (none, ten, all_) == (0, 10, 25)
    assert not start.weights.any()
    U = np.eye(3) if similarity is None else similarity
    for number, row in enumerate([5, 2]):
        for stop, trained in ((10, middle), (25, end)):
            expected = by_hand(tokens[:stop], 3, 0.3, rate, U, row, loss)
            assert trained.weights[number] == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert end.status == "converged"
    assert end.evaluations.tolist() == [25, 25]


def test_rows_that_grow_for_ever_say_so():
    tokens = np.random.default_rng(4).integers(3, size=(400, 7))
    # Far beyond 2C, at which the noise of the squared error grows.
    ((_, trained),) = train_once(tokens, 3, 0.0, 5000.0, [400], "squared-error")
    assert trained.status == "not-finite"
    # On one sequence a step changes the error by the factor 1 - η (L-1)/L (C-1)/C.
    for rate, end in ((1.05 * 3.5, "diverged"), (0.95 * 3.5, "converged")):
        once = train_once(np.zeros((100, 7), dtype=int), 3, 0.0, rate, [0, 100], "squared-error")
        assert [training.status for _, training in once] == ["converged", end]
    # Forces of the cross-entropy are bounded: nothing grows.
    ((_, bounded),) = train_once(tokens, 3, 0.0, 5000.0, [400])
    assert bounded.status == "converged"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": [3, 2]}, "samples must be increasing integers from 0 to 5"),
        ({"samples": [6]}, "samples must be increasing integers from 0 to 5"),
        ({"samples": []}, "samples must be increasing integers"),
        ({"samples": [1.5]}, "samples must be increasing integers"),
        ({"rate": 0.0}, "rate = 0.0 is not allowed"),
        ({"lam": -1.0}, "lam = -1.0 is not allowed"),
        ({"rows": [9]}, "rows = "),
        ({"loss": "hinge"}, "loss"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    arguments = {"colors": 3, "lam": 0.1, "rate": 0.5, "samples": [5]} | changes
    with pytest.raises(ValueError, match=message):
        train_once(np.zeros((5, 4), dtype=int), **arguments)
