"""Fewer equations than weights: the same rows from matrices of the size of the samples."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_models import symmetric
from threadpoolctl import threadpool_limits

from simulations import naive_mean_field, quadratic_estimate, train
from simulations.estimators.curvature import SampleSpace, fewer_by_samples
from simulations.kernels.second_moments import LeaveOneOut, inverse


class Quartic:
    """ℓ = Σ_a (h_a - y_a)²/2 + (h_a - y_a)⁴/4 with h = z - mean(z): no loss that is built in."""

    name = "quartic"

    def expected(self, fields, probabilities):
        gaps = self.gaps(fields, probabilities)
        return np.sum(gaps**2 / 2 + gaps**4 / 4, axis=-1)

    def gradient(self, fields, probabilities):
        gaps = self.gaps(fields, probabilities)
        slopes = gaps + gaps**3
        return slopes - slopes.mean(axis=-1, keepdims=True)

    def gaps(self, fields, probabilities):
        # Linear in the probabilities of known tokens alone, which is all that training asks for.
        return fields - fields.mean(axis=-1, keepdims=True) - probabilities


def drawn(colors: int, samples: int, sites: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(colors, size=(samples, sites))


def dense(tokens: np.ndarray, row: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """K0 U s_j of the others, one line for each sample and colour, and K0 s_i."""
    inputs = values[np.delete(tokens, row, axis=1)].transpose(0, 2, 1)
    answers = np.eye(len(values))[tokens[:, row]]
    inputs, answers = (x - x.mean(axis=1, keepdims=True) for x in (inputs, answers))
    return inputs.reshape(-1, tokens.shape[1] - 1), answers.ravel()


def others(training, number: int = 0) -> np.ndarray:
    assert training.weights[number, training.rows[number]] == 0
    return np.delete(training.weights[number], training.rows[number])


@pytest.mark.parametrize(("sites", "samples", "lam"), [(60, 7, 0.1), (300, 40, 0.02), (900, 64, 1)])
def test_one_row_is_logistic_regression(sites, samples, lam):
    tokens = drawn(2, samples, sites)
    assert fewer_by_samples(tokens.astype(np.uint8), 2, 20)
    row = sites // 3
    training = train(tokens, 2, lam, rows=[row], tolerance=1e-11)
    assert training.status == "converged"
    inputs = 2.0 * np.delete(tokens, row, axis=1) - 1
    referee = LogisticRegression(C=1 / (sites * lam), fit_intercept=False, tol=1e-12, max_iter=1000)
    expected = referee.fit(inputs, tokens[:, row]).coef_[0]
    np.testing.assert_allclose(others(training), expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error", Quartic()])
@pytest.mark.parametrize(("colors", "mixing"), [(2, False), (3, True), (5, False)])
@pytest.mark.parametrize("lam", [1e-4, 0.1])
def test_both_ways_lead_to_the_same_rows(monkeypatch, loss, colors, mixing, lam):
    values = symmetric(np.random.default_rng(1), colors) if mixing else None
    tokens = drawn(colors, 9, 80)
    # A sequence that stands twice and a site that never changes.
    tokens[5], tokens[:, 17] = tokens[2], 1
    found = []
    for by_samples in (True, False):
        for module in ("curvature", "squared_error"):
            name = f"simulations.estimators.{module}.fewer_by_samples"
            monkeypatch.setattr(name, lambda *_, which=by_samples: which)
        found.append(train(tokens, colors, lam, loss, values, [3, 17, 79], tolerance=1e-13))
        assert found[-1].status == "converged"
    scale = abs(found[1].weights).max()
    np.testing.assert_allclose(found[0].weights, found[1].weights, rtol=0, atol=1e-10 * scale)
    if lam == 0.1:
        np.testing.assert_array_equal(found[0].evaluations, found[1].evaluations)


def test_inverses_without_a_site():
    """By deleting columns; both kinds of inverse, and what is not positive definite."""
    rng = np.random.default_rng(0)
    inputs, rows, decay = rng.standard_normal((6, 11)), np.array([4, 0, 10]), 0.3
    space = SampleSpace(inputs, decay, rows)
    whole = LeaveOneOut(inputs.T @ inputs + decay * np.eye(11), rows)
    columns = np.array([2, 0])
    right, lines = rng.standard_normal((11, 2)), rng.standard_normal((6, 2))
    right[rows[columns], [0, 1]] = 0.0
    for r, row in enumerate(rows[columns]):
        rest = np.delete(inputs, row, axis=1)
        by_sites = np.linalg.solve(rest.T @ rest + decay * np.eye(10), np.delete(right[:, r], row))
        kernel = rest @ rest.T + decay * np.eye(6)
        for each in (space, whole):
            solution = each.solve(right, columns)[:, r]
            assert solution[row] == 0
            np.testing.assert_allclose(np.delete(solution, row), by_sites, rtol=1e-11)
        by_samples = space.by_samples(lines, columns)[:, r]
        np.testing.assert_allclose(by_samples, np.linalg.solve(kernel, lines[:, r]), rtol=1e-11)
        trace = space.traces[columns[r]]
        assert trace == pytest.approx(np.trace(np.linalg.inv(kernel)), rel=1e-12)
    np.testing.assert_allclose(inverse(kernel) @ kernel, np.eye(6), atol=1e-12)
    repeated = inputs[[0, 0, 1]]
    for matrix in (-kernel, repeated @ repeated.T, np.full((2, 2), np.nan)):
        with pytest.raises(np.linalg.LinAlgError):
            inverse(matrix)
    with pytest.raises(np.linalg.LinAlgError):
        SampleSpace(repeated, 0.0, rows)
    # Of two lines that differ at site 0 alone one is left without it.
    with pytest.raises(np.linalg.LinAlgError):
        SampleSpace(np.array([[1.0, 1, 1], [-1, 1, 1]]), 0.0, np.array([0]))


@pytest.mark.parametrize(
    ("colors", "samples", "copies"), [(2, 1, 1), (2, 18, 1), (2, 19, 1), (3, 9, 1), (3, 4, 2)]
)
@pytest.mark.parametrize("mixing", [False, True])
def test_without_decay_the_shortest_of_the_least_squares(colors, samples, copies, mixing):
    """Up to as many equations as weights, and with sequences that stand twice."""
    values = symmetric(np.random.default_rng(2), colors) if mixing else np.eye(colors)
    tokens = np.tile(drawn(colors, samples, 20, 5), (copies, 1))
    tokens[-1, 7] = (tokens[-1, 7] + 1) % colors
    training = train(tokens, colors, 0.0, "squared-error", values)
    assert training.status == "converged"
    for row in (0, 7, 19):
        inputs, answers = dense(tokens, row, values)
        expected = np.linalg.pinv(inputs, rcond=1e-9) @ answers
        np.testing.assert_allclose(others(training, row), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("lam", [1e-12, 1e-6, 0.1])
def test_mean_field_of_few_sequences(lam):
    """By the singular values of the dense inputs, where nothing cancels for small λ."""
    colors, samples, sites = 3, 8, 90
    tokens, rows = drawn(colors, samples, sites), [2, 50]
    decay, lines = sites * lam, samples * (colors - 1)
    found = quadratic_estimate(tokens, colors, 0.7, lam, rows)
    assert found.status == "converged"
    for r, row in enumerate(rows):
        inputs, answers = dense(tokens, row, np.eye(colors))
        left, sizes, right = np.linalg.svd(inputs, full_matrices=False)
        left, sizes, right = (left[:, :lines], sizes[:lines], right[:lines])
        bent = 1 / (sizes**2 + decay)
        w = right.T @ (sizes * bent * (left.T @ answers))
        hits, traces = np.sum(bent * (left.T @ answers) ** 2), np.sum(bent)
        w *= 0.7 * hits / traces * (lines - decay * traces) / (sites - 1) / np.sum(w**2)
        np.testing.assert_allclose(others(found, r), w, rtol=1e-9, atol=1e-12)

    found = naive_mean_field(tokens, colors, lam, rows)
    spelled = np.eye(colors)[tokens].transpose(0, 2, 1)
    spelled = (spelled - spelled.mean(axis=0)).reshape(-1, sites)
    shift = decay / lines
    left, sizes, right = np.linalg.svd(spelled / np.sqrt(lines), full_matrices=False)
    whole = right.T @ ((1 / (sizes**2 + shift) - 1 / shift)[:, None] * right)
    for r, row in enumerate(rows):
        np.testing.assert_allclose(
            others(found, r), -np.delete(whole[row], row), rtol=1e-8, atol=1e-9 / shift
        )


@pytest.mark.parametrize("lam", [1e-9, 0.1])
def test_mean_field_of_sequences_that_repeat(lam):
    """One sequence has no correlations; two pairs of twins have those of two sequences."""
    one, two = drawn(3, 1, 50), drawn(3, 2, 50)
    assert not naive_mean_field(one, 3, lam, [4]).weights.any()
    twins = naive_mean_field(np.concatenate([two, two]), 3, 2 * lam, [4, 9])
    expected = naive_mean_field(two, 3, lam, [4, 9]).weights
    np.testing.assert_allclose(twins.weights, expected, rtol=1e-6, atol=1e-9 / lam)


@pytest.mark.parametrize(
    "estimate",
    [
        lambda tokens: train(tokens, 3, 0.1, rows=[0]),
        lambda tokens: train(tokens, 3, 0.0, rows=[0]),
        lambda tokens: train(tokens, 3, 0.1, "squared-error", rows=[0]),
        lambda tokens: train(tokens, 3, 0.0, "squared-error", rows=[0]),
        lambda tokens: train(tokens, 3, 0.1, Quartic(), rows=[0]),
        lambda tokens: naive_mean_field(tokens, 3, 0.1, rows=[0]),
        lambda tokens: quadratic_estimate(tokens, 3, 1.0, 0.1, rows=[0]),
    ],
)
def test_no_matrix_of_sites(estimate):
    """One row of 20 sequences of 3000 tokens: a matrix of sites would hold 72 MB."""
    tokens = drawn(3, 20, 3000)
    # What is compiled and imported for the first time counts elsewhere.
    estimate(drawn(3, 20, 100))
    tracemalloc.start()
    try:
        estimate(tokens)
        assert tracemalloc.get_traced_memory()[1] < 12e6
    finally:
        tracemalloc.stop()


def test_threads_of_the_libraries_change_nothing():
    """By sites and by samples, at sizes where they would be used."""
    few, many = drawn(2, 120, 500), drawn(2, 300, 240)
    assert fewer_by_samples(few.astype(np.uint8), 2, 5 * 40)
    assert not fewer_by_samples(many.astype(np.uint8), 2, 5 * 40)
    for tokens in (few, many):
        found = []
        for threads in (1, 4):
            with threadpool_limits(limits=threads, user_api="blas"):
                found.append(train(tokens, 2, 0.1, "squared-error", rows=range(40)).weights)
        np.testing.assert_array_equal(*found)
