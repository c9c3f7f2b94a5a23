"""What the linear estimators reach, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    ConvergenceError,
    CustomTokens,
    GaussianTokens,
    PottsTokens,
    bayes_bound,
    mean_field_baseline,
)
from replica.cli import main


@pytest.mark.parametrize("colors", [2, 3, 8])
@pytest.mark.parametrize("samples", [1.2, 3.0, 50.0])
def test_closed_forms_without_weight_decay(colors, samples):
    beta = 0.4 * colors
    alpha, rho, w2 = samples / (colors - 1), beta**2 / colors, beta**2
    data = PottsTokens(colors, beta)
    naive = mean_field_baseline("naive-mean-field", alpha, data)
    excess = samples / (samples - 1)
    noise = (colors + rho) ** 2 / (w2 * (samples - 1))
    assert naive.coupling_error == pytest.approx((excess - 1) ** 2 + excess**2 * noise, rel=1e-9)
    assert naive.scale == pytest.approx((colors + rho) * excess, rel=1e-9)
    assert naive.m == pytest.approx(rho * excess, rel=1e-9)
    known = mean_field_baseline("quadratic", alpha, data)
    assert known.coupling_error == pytest.approx(1 / (1 + 1 / noise), rel=1e-9)


@pytest.mark.parametrize("lam", [0.0, 0.05, 2.0])
def test_order_of_the_estimators(lam):
    data = PottsTokens(3, 1.5)
    for alpha in (0.8, 3.0, 30.0):
        naive, known = (
            mean_field_baseline(name, alpha, data, lam)
            for name in ("naive-mean-field", "quadratic")
        )
        bound = bayes_bound(alpha, data)
        assert bound.coupling_error < known.coupling_error < naive.coupling_error
        assert bound.test_loss < known.test_loss
        assert bound.error_rate < known.error_rate == pytest.approx(naive.error_rate, rel=1e-12)


def test_many_samples_need_no_norm():
    data = PottsTokens(2, 1.0)
    errors = [
        mean_field_baseline(name, 1e4, data).coupling_error
        for name in ("naive-mean-field", "quadratic")
    ]
    assert errors[0] / errors[1] == pytest.approx(1, rel=2e-3)


def test_ridge_on_a_sampled_mixture():
    """Row i of the inverse correlations of tokens drawn as the theory has them, at λ = 0.2.

    Inputs G w* y + G^{1/2} z of 400 sites; the mean of 40 draws, five standard errors plus 3/L.
    """
    rng = np.random.default_rng(0)
    L, C, alpha, lam, draws = 400, 3, 1.5, 0.2, 40
    n, M = C - 1, int(alpha * L)
    eigenvalues = np.linspace(0.15, 0.7, L)
    teacher = 1.3 * rng.standard_normal(L) / np.sqrt(L)
    data = CustomTokens.from_spectrum(eigenvalues, np.ones(L), teacher**2, C)
    errors = {"naive-mean-field": [], "quadratic": []}
    # Written out: any basis will do, but an eigensolver's choice differs between machines.
    basis = np.array([[1, -1, 0], [1, 1, -2]]).T / np.sqrt([2, 6])
    for _ in range(draws):
        y = (np.eye(C) - 1 / C)[rng.integers(C, size=M)] @ basis
        x = y[:, :, None] * (eigenvalues * teacher)
        x += rng.standard_normal((M, n, L)) * np.sqrt(eigenvalues)
        x, y = x.reshape(-1, L), y.ravel()
        joint = np.column_stack([y, x])
        matrix = joint.T @ joint / (M * n) + lam / (alpha * n) * np.eye(L + 1)
        naive = -np.linalg.inv(matrix)[0, 1:]
        w = np.linalg.solve(x.T @ x + L * lam * np.eye(L), x.T @ y)
        rows = {"naive-mean-field": naive, "quadratic": w * (w @ teacher) / (w @ w)}
        for name, row in rows.items():
            errors[name].append(np.sum((row - teacher) ** 2) / np.sum(teacher**2))
    for name, found in errors.items():
        exact = mean_field_baseline(name, alpha, data, lam).coupling_error
        stderr = np.std(found, ddof=1) / np.sqrt(draws)
        assert abs(np.mean(found) - exact) < 5 * stderr + 3 / L * exact, name
        assert stderr < 0.02 * exact


def test_refusals():
    data = PottsTokens(3, 1.5)
    with pytest.raises(ValueError, match="estimator = 'best'"):
        mean_field_baseline("best", 1.0, data)
    with pytest.raises(ValueError, match="data = "):
        mean_field_baseline("quadratic", 1.0, GaussianTokens(3.0))
    with pytest.raises(ConvergenceError, match=r"alpha_c = 0\.5"):
        mean_field_baseline("quadratic", 0.4, data)
    nothing = mean_field_baseline("quadratic", 1.0, PottsTokens(3, 0.0))
    assert nothing.test_loss == pytest.approx(np.log(3))
    assert nothing.error_rate == pytest.approx(2 / 3)


def test_command(capsys):
    words = ["--colors", "3", "--beta", "1.5", "--alpha", "0.4,2"]
    assert main(["baseline", "--estimator", "quadratic", *words]) == 1
    captured = capsys.readouterr()
    header, failed, found = (line.split(",") for line in captured.out.splitlines())
    assert header[:2] == ["alpha", "scale"]
    assert failed == ["0.4"] + [""] * 7
    assert float(found[-2]) == pytest.approx(0.6756756756757)
    assert captured.err.count("\n") == 1
    assert main(["baseline", "--estimator", "quadratic", "--lam", "0.1", *words]) == 0
