"""Moments of given sequences, against numpy's; what is too little to measure, and other misuse."""

from __future__ import annotations

import numpy as np
import pytest
from known_mixtures import Mixture

from replica import Masking, Problem, RowTokens, moment_error, solve
from replica.ensembles import ensemble_of
from replica.quadrature.point_sets import complement
from replica.quadrature.symmetric import unpacked

LAW = Mixture.random([0.5, 0.3, 0.2], 6, 0.3)
TOKENS = LAW.sample(200, 5)
WEIGHTS = np.random.default_rng(2).uniform(0.2, 1.0, 200)
U = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, -0.2], [0.0, -0.2, 2.0]])


def measured(*arguments, **options):
    return ensemble_of(RowTokens.from_tokens(*arguments, **options)).context


def in_differences(tokens, row, similarity, missing=False):
    """The inputs of the other sites in the basis of colour differences, colours first."""
    values = np.vstack([similarity, np.zeros((int(missing), 3))]) @ complement(3).T
    return values[np.delete(tokens, row, axis=1)].transpose(0, 2, 1).reshape(len(tokens), -1)


def assert_covariance(found, expected):
    """Compare what they make of symmetric matrices of colours and of sites."""
    sites = len(expected) // 2
    blocks = expected.reshape(2, sites, 2, sites)
    rng = np.random.default_rng(0)
    for _ in range(5):
        A, B = (rng.normal(size=(size, size)) for size in (2, sites))
        A, B = A + A.T, B + B.T
        direct = np.einsum("ab,jk,ajbk->", A, B, blocks)
        assert np.isclose(np.sum(A * unpacked(found @ _packed(B), 2)), direct, rtol=1e-10)


def _packed(matrix):
    row, column = np.triu_indices(len(matrix))
    return matrix[row, column] * np.where(row == column, 1.0, np.sqrt(2.0))


@pytest.mark.parametrize("row", [0, 3])
@pytest.mark.parametrize("similarity", [None, U])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_moments_are_those_of_numpy(row, similarity, weights):
    found = measured(TOKENS, row, 3, similarity, weights=weights)
    used = np.ones(200) if weights is None else weights
    inputs = in_differences(TOKENS, row, np.eye(3) if similarity is None else similarity)
    for a in range(3):
        of = TOKENS[:, row] == a
        assert np.isclose(found.frequencies[a], used[of].sum() / used.sum())
        mean = np.average(inputs[of], axis=0, weights=used[of])
        assert np.allclose(found.means[a].ravel(), mean)
        assert np.isclose(found.counts[a], used[of].sum() ** 2 / (used[of] ** 2).sum())
        covariance = np.cov(inputs[of].T, aweights=used[of])
        assert_covariance(found.covariances[found.groups[a]], covariance)


def test_one_covariance_for_all_is_that_within_the_classes():
    found = measured(TOKENS, 0, 3, covariance="common")
    inputs = in_differences(TOKENS, 0, np.eye(3))
    within = inputs - np.array([inputs[TOKENS[:, 0] == a].mean(axis=0) for a in TOKENS[:, 0]])
    assert found.degrees.tolist() == [197]
    assert_covariance(found.covariances[0], within.T @ within / 197)


def test_rare_letters_share_a_covariance():
    rare = Mixture.random([0.7, 0.2, 0.05, 0.05], 6, 0.3).sample(300, 1)
    rare[rare[:, 0] == 3, 0] = np.where(np.arange((rare[:, 0] == 3).sum()) < 2, 3, 0)
    numbers = np.bincount(rare[:, 0])
    assert numbers[2] < 20
    assert numbers[3] == 2
    found = measured(rare, 0, 5)
    # With the rarest that can be measured alone; the fifth is never seen.
    assert found.groups.tolist() == [0, 1, 1, 1, 1]
    assert found.degrees.tolist() == [numbers[0] - 1, numbers[1:].sum() - 3]
    assert found.counts.tolist() == [*numbers, np.inf]
    assert 0 < found.frequencies[4] < 1e-8


def test_a_missing_token_adds_nothing_and_a_row_lacks_its_own():
    tokens = np.where(np.random.default_rng(4).random(TOKENS.shape) < 0.2, 3, TOKENS)
    known = tokens[tokens[:, 0] < 3]
    found = measured(tokens, 0, 3, missing=True)
    inputs = in_differences(known, 0, np.eye(3), missing=True)
    assert found.counts.tolist() == np.bincount(known[:, 0]).tolist()
    for a in range(3):
        assert np.allclose(found.means[a].ravel(), inputs[known[:, 0] == a].mean(axis=0))


def test_equal_weights_change_nothing():
    one, two = (measured(TOKENS, 0, 3, weights=w) for w in (None, np.full(200, 0.3)))
    assert np.allclose(one.covariances, two.covariances)
    assert np.allclose(one.counts, two.counts)


@pytest.mark.parametrize(
    ("tokens", "options", "why"),
    [
        (TOKENS.astype(float), {}, "tokens must be an array .* of integers from 0 to 2"),
        (np.where(TOKENS == 1, np.nan, TOKENS), {}, "of integers from 0 to 2"),
        (TOKENS - 1, {}, r"array with -1 at \["),
        (TOKENS + 1, {}, r"array with 3 at \["),
        (TOKENS[0], {}, "an array"),
        (TOKENS[:1], {}, "2 sequences or more of 3 sites or more"),
        (TOKENS[:, :2], {}, "2 sequences or more of 3 sites or more"),
        (TOKENS[:8], {}, "a site with 10 or more, to measure with"),
        (np.repeat(TOKENS[:2], 3, axis=0), {}, "a site"),
        (np.full_like(TOKENS, 3), {"missing": True}, "a site with 10 or more, to measure with"),
        (np.ma.masked_equal(TOKENS, 1), {}, "without masked entries"),
        (TOKENS, {"row": 7}, "row must be an integer from 0 to 6"),
        (TOKENS, {"row": 1.0}, "row must be an integer from 0 to 6"),
        (TOKENS, {"colors": 1}, "colors must be an integer from 2"),
        (TOKENS, {"colors": 256}, "colors must be an integer from 2 to 255"),
        (TOKENS, {"similarity": U[:2]}, "a symmetric matrix of 3 x 3"),
        (TOKENS, {"similarity": np.triu(U)}, "a symmetric matrix of 3 x 3"),
        (TOKENS, {"weights": WEIGHTS[1:]}, "a sequence of 200 finite numbers greater than 0"),
        (TOKENS, {"weights": WEIGHTS - 0.5}, "a sequence of 200 finite numbers greater than 0"),
        (TOKENS, {"covariance": "none"}, "covariance must be one of class, common"),
        (TOKENS, {"missing": 1}, "missing must be True or False"),
    ],
)
def test_wrong_arguments_are_refused(tokens, options, why):
    with pytest.raises(ValueError, match=why) as refusal:
        RowTokens.from_tokens(**{"tokens": tokens, "row": 0, "colors": 3} | options)
    assert "\n" not in str(refusal.value)


def test_more_samples_than_sequences_are_refused():
    row = RowTokens.from_tokens(TOKENS, 0, 3)
    with pytest.raises(ValueError, match=r"alpha must be 22\.51 or less"):
        Problem(23.0, 0.1, row)
    with pytest.raises(ValueError, match=r"alpha must be 22\.51 or less"):
        Problem(2.0, 0.1, row).at(alpha=23.0)


def test_sequences_of_every_kind_are_answered_or_flagged():
    """Whatever else tokens are: random, constant but for the row, copies, with rare letters."""
    rng = np.random.default_rng(8)
    statuses = set()
    for number in range(12):
        count, sites, colors = rng.integers(20, 60), rng.integers(3, 6), rng.integers(2, 4)
        tokens = rng.integers(colors, size=(count, sites))
        kind = number % 6
        if kind == 1:
            tokens[:, 1:] = 0
        elif kind == 2:
            tokens[:] = tokens[:, :1]
        elif kind == 3:
            tokens[:, 1:] = tokens[rng.integers(3, size=count), 1:]
        elif kind == 4:
            tokens[2:] = np.minimum(tokens[2:], 1)
        alpha, lam = rng.choice([0.3, 1.0, 2.0]), rng.choice([1e-3, 0.1, 10.0])
        problem = Problem(alpha, lam, RowTokens.from_tokens(tokens, 0, int(colors)))
        solution = solve(problem, check=False)
        statuses.add(solution.status)
        if solution.converged:
            assert np.isfinite([solution.test_loss, solution.error_rate]).all()
            # At w = 0 it is log C, and the minimum is below.
            assert 0 <= solution.train_loss <= np.log(colors) + 1e-9
    assert "converged" in statuses


def test_the_error_of_masked_training_is_that_of_full_contexts():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 3, (400, 8))
    for site in range(1, 8):
        tokens[:, site] = np.where(rng.random(400) < 0.4, tokens[:, site - 1], tokens[:, site])
    row = RowTokens.from_tokens(tokens, 4, 3)
    masked = Problem(4.0, 0.1, row, masking=Masking(0.3, "static"))
    part = np.random.default_rng(0).permutation(400) % 5
    fewer = (RowTokens.from_tokens(tokens[part != k], 4, 3) for k in range(5))
    solved = [solve(masked.at(data=each)) for each in fewer]
    found = moment_error(solve(masked))
    for name in ("test_loss", "masked_test_loss", "train_loss"):
        losses = [getattr(each, name) for each in solved]
        assert getattr(found, name) == pytest.approx(2 * np.std(losses), rel=1e-2)
    assert np.isnan(moment_error(solve(masked.at(masking=None, alpha=1.0))).masked_test_loss)
