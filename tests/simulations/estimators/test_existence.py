"""Which rows have a minimiser without weight decay, by the dual program, and what each entry says.

There is one if and only if some y ≥ 1 has Aᵀy = 0, A the margins of unit weights (Stiemke's
alternative to A d ≥ 0, A d ≠ 0): neither the program of the package nor its margins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import expit, softmax

from replica import PottsTokens, Problem
from replica.tables import Table
from simulations import (
    PottsModel,
    approximate_message_passing,
    has_minimiser,
    separable,
    simulate,
    train,
    train_jointly,
)
from simulations.attention.pair_couplings import PairCouplings, fit
from simulations.attention.pair_couplings import has_minimiser as pairs_have_minimiser
from simulations.cli import main


def margins(tokens, row, inputs):
    """Return one line per sequence and wrong colour; inputs[s] is the array (colors, unknowns)."""
    colors = len(inputs[0])
    lines = [
        inputs[m][seen[row]] - inputs[m][wrong]
        for m, seen in enumerate(tokens)
        for wrong in range(colors)
        if wrong != seen[row]
    ]
    return np.array(lines)


def factored(tokens, row, values):
    return [np.delete(np.asarray(values)[:, seen], row, axis=1) for seen in tokens]


def with_pairs(tokens, row, colors):
    seen = [np.delete(np.eye(colors)[line], row, axis=0).ravel() for line in tokens]
    return [np.kron(np.eye(colors), line) for line in seen]


def exists(matrix) -> bool:
    program = linprog(
        np.zeros(len(matrix)), A_eq=matrix.T, b_eq=np.zeros(matrix.shape[1]), bounds=(1, None)
    )
    assert program.status in (0, 2)
    return program.status == 0


def random_set(rng, colors=(2, 6), sites=(3, 17), ratio=4):
    colors, length = int(rng.integers(*colors)), int(rng.integers(*sites))
    samples = int(rng.integers(1, ratio * length))
    tokens = rng.integers(0, colors, (samples, length)).astype(np.uint8)
    if rng.random() < 0.2:
        tokens[:, rng.integers(length)] = tokens[0, 0]
    return tokens, colors, int(rng.integers(length))


@pytest.mark.parametrize("sets", [80, pytest.param(300, marks=pytest.mark.slow)])
def test_random_sets(sets):
    rng, counts = np.random.default_rng(0), {"converged": 0, "diverged": 0}
    for number in range(sets):
        tokens, colors, row = random_set(rng, ratio=3)
        right = exists(margins(tokens, row, factored(tokens, row, np.eye(colors))))
        found = train(tokens, colors, 0.0, rows=[row], max_steps=250)
        assert found.status == ("converged" if right else "diverged")
        if number % 4 == 0:
            assert has_minimiser(tokens, row, colors) == right
            assert not (right and separable(tokens, row, colors))
        counts[found.status] += 1
    assert min(counts.values()) > sets // 4


def test_every_set_of_three_sequences_of_three_sites_in_integers():
    """In the plane a ray of {d: A d ≥ 0} is perpendicular to a line of A, or A is one line."""
    sequences = list(product(range(2), repeat=3))
    for chosen in combinations_with_replacement(sequences, 3):
        tokens = np.array(chosen)
        lines = margins(tokens, 0, factored(tokens, 0, np.eye(2, dtype=int)))
        rays = np.concatenate([lines, -lines, lines[:, ::-1] * [1, -1], lines[:, ::-1] * [-1, 1]])
        won = rays @ lines.T
        assert has_minimiser(tokens, 0, 2) == (not np.any((won.min(1) >= 0) & (won.max(1) > 0)))


@pytest.mark.parametrize(
    ("tokens", "colors", "status"),
    [
        # The infimum 3 log 3 is reached only as w_1 → -∞.
        ([[1, 2, 1], [1, 2, 0], [2, 1, 0]], 4, "diverged"),
        # The unique minimum is w = 0; there the gradients cancel but for their rounding.
        ([[1, 1, 0], [0, 1, 1], [1, 2, 1]], 3, "converged"),
        ([[0, 1, 1], [1, 1, 1], [2, 1, 1]], 3, "converged"),
        # Separable, but for ties.
        ([[0, 0, 0], [0, 1, 1], [0, 0, 1]], 2, "diverged"),
    ],
)
@pytest.mark.parametrize("max_steps", [3, 1000])
def test_by_hand(tokens, colors, status, max_steps):
    found = train(tokens, colors, 0.0, rows=[0], max_steps=max_steps)
    assert found.status == status
    if status == "converged":
        np.testing.assert_array_equal(found.weights, 0.0)
    assert train(tokens, colors, 0.0, LOGISTIC, rows=[0], max_steps=max_steps).status == status
    model = PottsModel.random(PottsTokens(colors, 0.1), 3, 0)
    assert approximate_message_passing(model, tokens, 0.0, rows=[0]).status == status


def test_a_similarity_that_is_not_the_identity():
    rng, counts = np.random.default_rng(1), {"converged": 0, "diverged": 0}
    for _ in range(20):
        tokens, colors, row = random_set(rng, sites=(3, 9), ratio=2)
        values = rng.integers(-3, 4, (colors, colors))
        values = values + values.T
        right = exists(margins(tokens, row, factored(tokens, row, values)))
        assert has_minimiser(tokens, row, colors, values) == right
        for scale in (1.0, 1e-6):
            found = train(tokens, colors, 0.0, similarity=scale * values, rows=[row])
            assert found.status == ("converged" if right else "diverged")
        counts[found.status] += 1
    assert min(counts.values()) > 3


def test_of_several_minimisers_the_shortest():
    """Two equal columns share their weight."""
    rng = np.random.default_rng(2)
    some = rng.integers(0, 3, (40, 4))
    constant = np.concatenate([some, some[:, [1]], np.zeros((40, 1), int)], axis=1)
    found, plain = train(constant, 3, 0.0, rows=[0]), train(some[:, :4], 3, 0.0, rows=[0])
    assert found.status == plain.status == "converged"
    w = found.weights[0]
    assert w[1] == pytest.approx(w[4], rel=1e-6)
    decayed = train(constant, 3, 1e-9, rows=[0])
    np.testing.assert_allclose(w, decayed.weights[0], atol=1e-4)


@dataclass(frozen=True)
class OfMargins:
    """The sum of a function of the margin over every wrong colour."""

    name: str
    slope: Callable
    value: Callable

    def expected(self, fields, seen):
        won = (seen * fields).sum(axis=-1, keepdims=True) - fields
        return ((1 - seen) * self.value(won)).sum(axis=-1)

    def gradient(self, fields, seen):
        won = (seen * fields).sum(axis=-1, keepdims=True) - fields
        each = (1 - seen) * self.slope(won)
        return seen * each.sum(axis=-1, keepdims=True) - each


LOGISTIC = OfMargins("logistic", lambda m: -expit(-m), lambda m: np.logaddexp(0, -m))
POWER = OfMargins(
    "power",
    lambda m: np.where(m > 0, -1 / (1 + np.maximum(m, 0)) ** 2, 2 * m - 1),
    lambda m: np.where(m > 0, 1 / (1 + np.maximum(m, 0)), 1 - m + m * m),
)
HINGE = OfMargins(
    "hinge", lambda m: -np.maximum(0, 1 - m), lambda m: 0.5 * np.maximum(0, 1 - m) ** 2
)
SQUARE = OfMargins("square", lambda m: m - 1, lambda m: 0.5 * (m - 1) ** 2)


@pytest.mark.parametrize(
    ("loss", "always"), [(LOGISTIC, False), (POWER, False), (HINGE, True), (SQUARE, True)]
)
def test_losses_of_the_user(loss, always):
    """Of those that fall for ever the same sets have no minimiser; others have one always."""
    rng, statuses = np.random.default_rng(3), set()
    for _ in range(12):
        tokens, colors, row = random_set(rng, colors=(2, 5), sites=(3, 8), ratio=6)
        right = exists(margins(tokens, row, factored(tokens, row, np.eye(colors))))
        status = train(tokens, colors, 0.0, loss, rows=[row], max_steps=200).status
        if right:
            assert status == "converged"
        elif always:
            assert status in ("converged", "max-steps")
        else:
            assert status == "diverged"
        statuses.add(right)
    assert statuses == {True, False}


def test_message_passing():
    rng, counts = np.random.default_rng(4), {"converged": 0, "diverged": 0, "max-steps": 0}
    for seed in range(25):
        tokens, colors, row = random_set(rng, sites=(3, 12))
        right = exists(margins(tokens, row, factored(tokens, row, np.eye(colors))))
        model = PottsModel.random(PottsTokens(colors, 0.2 * colors), tokens.shape[1], seed)
        status = approximate_message_passing(model, tokens, 0.0, rows=[row], damping=0.3).status
        assert (status == "diverged") == (not right)
        counts[status] += 1
    assert counts["converged"] > 8
    assert counts["diverged"] > 5


def test_couplings_of_pairs():
    rng, counts = np.random.default_rng(5), {True: 0, False: 0}
    for _ in range(12):
        colors, sites = int(rng.integers(2, 4)), int(rng.integers(3, 5))
        samples = int(rng.integers(5, 15 * colors))
        tokens, row = rng.integers(0, colors, (samples, sites)), int(rng.integers(sites))
        right = exists(margins(tokens, row, with_pairs(tokens, row, colors)))
        assert pairs_have_minimiser(tokens, row, colors) == right
        _, converged = fit(tokens, colors, 0.0, rows=[row])
        assert converged.tolist() == [right]
        counts[right] += 1
    assert min(counts.values()) > 2
    balanced = np.array([[a, b, c] for a, b, c in product(range(2), repeat=3)])
    couplings, converged = fit(balanced, 2, 0.0)
    assert converged.all()
    np.testing.assert_allclose(couplings, 0.0, atol=1e-12)


@pytest.mark.parametrize("lam", [1e-12, 1e-8])
def test_couplings_of_pairs_with_hardly_any_decay(lam):
    """At the minimum L λ |J|² is the pull of all tokens along J; few sequences are separable."""
    tokens = np.random.default_rng(7).integers(0, 2, (4, 6))
    couplings, converged = fit(tokens, 2, lam)
    assert converged.all()
    pull = 4 * np.sum(PairCouplings(couplings).gradient(tokens) * couplings, axis=(1, 2, 3))
    square = np.sum(couplings**2, axis=(1, 2, 3))
    np.testing.assert_allclose(-pull, 6 * lam * square, rtol=1e-3)


def test_joint_training():
    """The masked site is told by its copy, so that one row grows for ever."""
    rng = np.random.default_rng(6)
    tokens = rng.integers(0, 2, (40, 3))
    tokens[:, 1] = tokens[:, 0]
    assert train_jointly(tokens, 2, 0.0).status == "diverged"
    # No row of all sequences once has anything to learn.
    mixed = np.concatenate([np.array(list(product(range(2), repeat=3)))] * 3 + [tokens[:4]])
    assert train_jointly(mixed, 2, 0.0).status == "converged"


@pytest.mark.usefixtures("without_workers")
def test_simulated_tables(tmp_path):
    out = tmp_path / "sets.csv"
    options = "--colors 3 --beta 1 --lam 0 --alpha 1 --sites 10 --rows 1 --seeds 8 --workers 1"
    assert main([*options.split(), "--test-samples", "50", "--out", str(out)]) == 1
    table = Table.from_csv(out)
    assert {"converged", "diverged"} == set(table["status"])
    # What has a minimiser is not certain of nearly everything: one had a test loss of 401.
    assert table.where(status="converged")["test_loss"].max() < 20
    problem = Problem(1.0, 0.0, PottsTokens(3, 1.0))
    line = simulate(problem, 10, 24, rows=1, test_samples=50)
    assert line["status"] == "diverged"


@pytest.mark.parametrize("lam", [1e-12, pytest.param(1e-10, marks=pytest.mark.slow), 1e-8])
def test_what_converges_is_near_the_minimum(lam):
    """By Newton steps of bounded length from there: a distance that is not that of its proof."""
    near = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        tokens = rng.integers(0, 3, (int(rng.integers(2, 14)), 8))
        found, model = train(tokens, 3, lam, rows=[0]), PottsModel.random(PottsTokens(3, 0.3), 8, 0)
        passed = approximate_message_passing(model, tokens, lam, rows=[0], damping=0.5).training
        for training in (found, passed):
            if training.status == "converged":
                w = training.weights[0, 1:]
                assert distance(tokens, 3, lam, w) < 1e-4 * np.linalg.norm(w)
                near += 1
    assert near >= 6


def distance(tokens, colors, lam, start):
    inputs, seen = np.eye(colors)[tokens[:, 1:]].transpose(0, 2, 1), np.eye(colors)[tokens[:, 0]]
    decay, w = tokens.shape[1] * lam, start.copy()
    for _ in range(100):
        p = softmax(inputs @ w, axis=1)
        others = np.where(seen > 0, 0.0, p)
        excess = others - seen * others.sum(axis=1, keepdims=True)
        slope = np.einsum("ma,maj->j", excess, inputs) + decay * w
        mean = np.einsum("ma,maj->mj", p, inputs)
        centred = inputs - mean[:, None]
        bend = np.einsum("ma,maj,mak->jk", p, centred, centred) + decay * np.eye(len(w))
        step = np.linalg.solve(bend, -slope)
        w += step / max(1.0, np.ptp(inputs @ step, axis=1).max())
    return np.linalg.norm(w - start)
