"""What class means add to the test loss at finite L: counted parameters, and trained rows."""

from __future__ import annotations

import numpy as np
import pytest
from mixtures import Mixture, random_mixture

from replica import Masking, PottsTokens, Problem, RowTokens, finite_test_loss, solve
from replica.quadrature.point_sets import complement


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_a_bias_costs_its_parameters_and_means_alone_nothing(loss):
    """λ → 0, α → ∞: every parameter of a well specified row costs 1/(2M) nats."""
    # A token that nothing tells of, with inputs of any common mean.
    C, inputs, alpha = 3, 40, 200.0
    rng = np.random.default_rng(1)
    means = np.broadcast_to(rng.standard_normal((inputs, C)), (C, inputs, C))
    S = np.einsum("jk,cd->jckd", np.eye(inputs), np.eye(C) / C)
    data = RowTokens.from_moments(np.full(C, 1 / C), means, S)
    # Squares of the C - 1 components of a uniform token are 1/C each.
    unit = 1.0 if loss == "cross-entropy" else 1 / C
    price = unit * (C - 1) / (2 * alpha * (inputs + 1))
    for bias, parameters in ((True, 1.0), (False, 0.0)):
        solution = solve(Problem(alpha, 1e-6, data, loss, bias=bias))
        added = finite_test_loss(solution) - solution.test_loss
        assert added == pytest.approx(parameters * price, abs=0.03 * price), bias


def ridge(mixture: Mixture, problem: Problem, sets: int, seed: int) -> np.ndarray:
    """Exact test losses of ridge regressions with a bias, one for each training set."""
    pi, mu, S = mixture
    C, inputs = len(pi), mu.shape[1]
    basis, L = complement(C), inputs + 1
    M, n, rng = round(problem.alpha * L), C - 1, np.random.default_rng(seed)
    roots = np.linalg.cholesky(S.reshape(C, inputs * C, -1))
    targets, every, losses = basis.T, np.tile(np.eye(n), (M, 1)), []
    decay = np.diag(np.r_[np.full(inputs, L * problem.lam), np.zeros(n)])
    seen = np.einsum("ajckd,xc,yd->axjyk", S, basis, basis, optimize=True)
    for _ in range(sets):
        y = rng.choice(C, M, p=pi)
        noise = np.einsum("sij,sj->si", roots[y], rng.standard_normal((M, inputs * C)))
        F = mu[y] + noise.reshape(M, inputs, C)
        A = np.hstack([(F @ basis.T).swapaxes(1, 2).reshape(M * n, inputs), every])
        w = np.linalg.solve(A.T @ A + decay, A.T @ targets[y].ravel())
        m = np.einsum("ajc,xc,j->ax", mu, basis, w[:inputs]) + w[inputs:]
        spread = np.einsum("axjxk,j,k->a", seen, w[:inputs], w[:inputs], optimize=True)
        losses.append(0.5 * pi @ (((m - targets) ** 2).sum(axis=1) + spread))
    return np.array(losses)


def test_rows_with_a_bias_trained_at_small_lengths():
    """Without the means predictions are 2 % and 1 % off; what is left falls faster than 1/L."""
    for inputs, before, after in ((19, 0.015, 0.012), (39, 0.007, 0.004)):
        mixture = random_mixture(3, inputs, 1)
        problem = Problem(3.0, 0.1, mixture.row(), "squared-error", bias=True)
        solution = solve(problem)
        losses = ridge(mixture, problem, 400, 2)
        mean, error = losses.mean(), losses.std() / np.sqrt(len(losses))
        assert error < 0.004 * mean
        # Three standard errors: false alarms below one in a hundred seeds.
        assert solution.test_loss < (1 - before) * mean + 3 * error
        assert abs(finite_test_loss(solution) - mean) < after * mean + 3 * error


def test_given_sequences_have_it_too():
    tokens = np.random.default_rng(3).integers(3, size=(3000, 15)).astype(np.uint8)
    row = RowTokens.from_tokens(tokens, 0, 3)
    alpha = 20.0
    without, with_bias = (
        (solution := solve(Problem(alpha, 1e-4, row, "squared-error", bias=bias)),
         finite_test_loss(solution) - solution.test_loss)[1]
        for bias in (False, True)
    )  # fmt: skip
    # Two parameters of a third each, over 2 M.
    assert with_bias - without == pytest.approx(2 / 3 / (2 * alpha * 15), rel=0.2)


@pytest.mark.parametrize(
    "problem",
    [
        Problem(2.0, 0.1, PottsTokens(3, 1.5)),
        Problem(2.0, 0.1, random_mixture(3, 6, 1).row(), masking=Masking(0.15, "static")),
    ],
    ids=["spectrum", "masks"],
)
def test_other_solutions_are_refused_in_a_line(problem):
    with pytest.raises(ValueError, match=r"^solution = ") as refused:
        finite_test_loss(solve(problem))
    assert "row of moments or sequences without masks" in str(refused.value)
