"""Gaussian tokens: their law, ridge regression by another library, errors on fresh sequences."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from replica import GaussianTokens, PottsTokens, Problem
from simulations import average_seeds, simulate_many
from simulations.cli import main
from simulations.experiments.gaussian import GaussianExperiment, ridge
from simulations.experiments.simulate_many import collect
from simulations.sequences.gaussian import random_precision


def problem(alpha: float = 1.5, lam: float = 0.3, shift: float = 3.0, colors: int = 2) -> Problem:
    return Problem(alpha, lam, GaussianTokens(shift, colors, joint=True), "squared-error")


def test_precision_has_the_semicircle_as_spectrum():
    """Moments 0, 1, 0, 2 of the semicircle on [-2, 2]; at this size they fluctuate by 1/L."""
    eigenvalues = np.linalg.eigvalsh(random_precision(3.0, 1000, np.random.default_rng(0))) - 3.0
    moments = [np.mean(eigenvalues**k) for k in (1, 2, 3, 4)]
    np.testing.assert_allclose(moments, [0, 1, 0, 2], atol=0.02)


@pytest.mark.parametrize("samples", [8, 40])
def test_row_is_that_of_ridge_regression(samples):
    vectors = np.random.default_rng(1).standard_normal((12, samples))
    for row, decay in ((0, 0.7), (5, 3.0)):
        others = np.delete(vectors, row, axis=0)
        other = Ridge(alpha=decay, fit_intercept=False, solver="svd").fit(others.T, vectors[row])
        found = ridge(others, vectors[row], decay)
        np.testing.assert_allclose(found, other.coef_, rtol=1e-9)


def test_without_decay_the_row_is_the_limit_of_small_decay():
    vectors, answers = np.split(np.random.default_rng(2).standard_normal((13, 8)), [12])
    answers = answers[0]
    np.testing.assert_allclose(
        ridge(vectors, answers, 0.0), ridge(vectors, answers, 1e-7), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize("samples", [8, 40])
def test_a_tiny_decay_changes_nothing(samples):
    """Where the matrix of the sites is singular in floating point, that of the samples is not."""
    vectors = np.random.default_rng(2).standard_normal((13, samples))
    limit = ridge(vectors[:12], vectors[12], 0.0)
    for decay in (1e-12, 1e-15, 1e-17, 1e-300):
        np.testing.assert_allclose(ridge(vectors[:12], vectors[12], decay), limit, rtol=1e-9)


def test_many_sites_do_not_depend_on_who_computes_them():
    """Matrices so large that BLAS would use several threads."""
    tasks = [GaussianExperiment(problem(), 300, 4, rows=2)]
    assert collect(tasks, 1).lines() == collect(tasks, 2).lines()


def test_expectations_are_those_over_sampled_sequences():
    """Four standard errors over 200 000 fresh sequences of one system."""
    experiment = GaussianExperiment(problem(), 10, 4, rows=1)
    (line,) = experiment.run()
    rng = np.random.default_rng(np.random.SeedSequence(seed_words(experiment)))
    precision = random_precision(3.0, 10, rng)
    covariance = np.linalg.inv(precision)
    root = np.linalg.cholesky(precision)
    trained = np.linalg.solve(root.T, rng.standard_normal((10, 2 * experiment.samples)))
    # sites·λ = 3 is the penalty.
    others = trained[1:].T
    w = Ridge(alpha=3.0, fit_intercept=False, solver="svd").fit(others, trained[0]).coef_
    assert line["train_loss"] == pytest.approx(np.mean((trained[0] - others @ w) ** 2), rel=1e-9)
    fresh = np.random.default_rng(5).multivariate_normal(np.zeros(10), covariance, 200_000)
    squares = (fresh[:, 0] - fresh[:, 1:] @ w) ** 2
    error = np.std(squares) / np.sqrt(len(squares))
    assert abs(line["test_loss"] - squares.mean()) < 4 * error
    best = np.linalg.lstsq(fresh[:, 1:], fresh[:, 0], rcond=None)[0]
    assert line["optimal_loss"] == pytest.approx(1 / precision[0, 0], rel=1e-12)
    teacher = -precision[0, 1:] / precision[0, 0]
    np.testing.assert_allclose(best, teacher, atol=0.02)
    distance = np.sum((w - teacher) ** 2) / np.sum(teacher**2)
    assert line["coupling_error"] == pytest.approx(distance, rel=1e-9)
    rest = covariance[1:, 1:]
    assert line["m"] == pytest.approx(teacher @ rest @ w, rel=1e-9)
    assert line["q"] == pytest.approx(w @ rest @ w, rel=1e-9)


def seed_words(experiment: GaussianExperiment) -> tuple[int, ...]:
    data = experiment.problem.data
    shift = int(np.float64(data.shift).view(np.uint64))
    return (experiment.seed, experiment.sites, experiment.samples, data.colors, shift)


@pytest.mark.usefixtures("without_workers")
def test_tables_of_many_systems():
    family = [problem(shift=shift) for shift in (3.0, 4.0)]
    table = simulate_many(family, [8, 10], range(3), rows=2)
    assert len(table) == 12
    assert set(table["status"]) == {"converged"}
    assert max(table["residual"]) < 1e-9
    averaged = average_seeds(table)
    assert list(averaged["shift"]) == [3.0, 4.0, 3.0, 4.0]
    assert set(averaged["seeds"]) == {3}
    two = simulate_many(family, [8, 10], range(3), workers=2, rows=2)
    assert two.lines() == table.lines()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sites": 2}, "sites = 2"),
        ({"seed": -1}, "seed = -1"),
        ({"rows": 11}, "rows = 11"),
        ({"problem": Problem(1.0, 0.1, PottsTokens(2, 1.0))}, "data = "),
        ({"problem": problem(alpha=0.01)}, "alpha = 0.01"),
    ],
)
def test_refusals(changes, told):
    with pytest.raises(ValueError, match=told):
        GaussianExperiment(**({"problem": problem(), "sites": 10} | changes))


def test_a_precision_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"shift = 2\.0001 .* sites = 4"):
        [random_precision(2.0001, 4, np.random.default_rng(seed)) for seed in range(50)]


@pytest.mark.usefixtures("without_workers")
def test_the_command_writes_the_table_of_the_function(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--data", "gaussian", "--shift", "2.5,3", "--lam", "0.1", "--alpha", "0.5,2",
             "--sites", "12", "--seeds", "2", "--joint"]  # fmt: skip
    grid = [*words, "--loss", "squared-error", "--workers", "2", "--out", "grid.csv"]
    assert main(grid) == 0
    problems = [
        Problem(alpha, 0.1, GaussianTokens(shift, joint=True), "squared-error")
        for shift in (2.5, 3.0)
        for alpha in (0.5, 2.0)
    ]
    simulate_many(problems, [12], range(2)).to_csv("same.csv")
    whole = (tmp_path / "grid.csv").read_bytes()
    assert whole == (tmp_path / "same.csv").read_bytes()
    # A journal that lacks the last two systems is finished to the same bytes.
    (tmp_path / "grid.csv").write_bytes(b"".join(whole.splitlines(keepends=True)[:-2]))
    assert main(grid) == 0
    assert (tmp_path / "grid.csv").read_bytes() == whole
    capsys.readouterr()
    assert main([word for word in grid if word != "--joint"]) == 2
    assert "joint = true instead of null" in capsys.readouterr().err
    assert main([*grid, "--test-samples", "5"]) == 2
    assert capsys.readouterr().err.startswith("replica-simulate: test_samples = 5 is not allowed")
    assert main([*words, "--loss", "cross-entropy", "--out", "other.csv"]) == 2
    assert "loss = 'cross-entropy' is not allowed" in capsys.readouterr().err
