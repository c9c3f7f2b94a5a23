"""The spectrum of A - A* beside a matrix, a limit, and the theory of a row."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    CustomTokens,
    GaussianTokens,
    Masking,
    PottsTokens,
    Problem,
    attention_spectrum,
    error_spectrum,
    solve,
)

LOSS = "squared-error"
PROBLEMS = {
    "few": Problem(0.1, 0.1, PottsTokens(2, 1.0), LOSS),
    "two bands": Problem(0.3, 0.1, PottsTokens(3, 0.15), LOSS),
    "many": Problem(3.0, 0.0, PottsTokens(3, -1.5), LOSS),
    "masks": Problem(0.7, 0.05, PottsTokens(10, 4.0), LOSS, masking=Masking(0.3)),
    "Gaussian": Problem(1.5, 0.1, GaussianTokens(2.5, 2, joint=True)),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_its_second_moment_is_the_coupling_error_of_a_row(name):
    problem = PROBLEMS[name]
    found = error_spectrum(problem)
    assert found.status == "converged"
    assert len(found.edges) == (2 if name == "two bands" else 1)
    assert found.cumulative[-1] == pytest.approx(1.0, abs=1e-9)
    # By parts of the distribution function that is told; a row knows |A*|² and its distance.
    x, below = found.eigenvalues, found.cumulative
    second = x[-1] ** 2 - np.sum((below[1:] + below[:-1]) * np.diff(x**2)) / 2
    data = problem.data
    true2 = 1 / data.shift**2 if isinstance(data, GaussianTokens) else data.teacher_norm2
    assert second == pytest.approx(solve(problem).coupling_error * true2, rel=1e-4)


def test_nothing_learnt_leaves_the_true_matrix():
    found = error_spectrum(Problem(1.0, 1e6, PottsTokens(3, 1.5), LOSS))
    assert found.edges == pytest.approx(np.array([[-3.0, 3.0]]), rel=1e-5)
    inside = np.abs(found.eigenvalues) < 2.9
    semicircle = np.sqrt(9 - found.eigenvalues[inside] ** 2) * 2 / (9 * np.pi)
    assert found.density[inside] == pytest.approx(semicircle, rel=1e-4)


def test_it_is_that_of_a_matrix():
    """Of 400 Gaussian variables; shares fluctuate by log L/L. One seed."""
    sites, shift, lam, rng = 400, 2.5, 0.1, np.random.default_rng(2)
    X = np.triu(rng.standard_normal((sites, sites)) / np.sqrt(sites), 1)
    X += X.T
    values, vectors = np.linalg.eigh(shift * np.eye(sites) + X)
    samples = (vectors / np.sqrt(values)) @ rng.standard_normal((sites, 600))
    P = np.linalg.inv(samples @ samples.T / sites + lam * np.eye(sites))
    A = np.eye(sites) - P / P.diagonal()[:, None]
    E = np.linalg.eigvalsh(0.5 * (A + A.T) + X / shift)
    found = error_spectrum(Problem(1.5, lam, GaussianTokens(shift, joint=True)))
    measured = (np.arange(sites) + 0.5) / sites
    assert np.abs(np.interp(E, found.eigenvalues, found.cumulative) - measured).max() < 0.015
    assert [E[0], E[-1]] == pytest.approx(found.edges[0], abs=0.15)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (PROBLEMS["few"].at(loss="cross-entropy"), "loss must be squared-error for the spectrum"),
        (PROBLEMS["few"].at(beta=0.0), "data must be PottsTokens with beta other than 0"),
        (
            PROBLEMS["few"].at(data=CustomTokens.from_spectrum([1, 2], [1, 1], [1, 1], 3)),
            "with a true matrix",
        ),
        ("none", "problem must be a Problem"),
    ],
)
def test_without_a_true_matrix_there_is_none(problem, told):
    with pytest.raises(ValueError, match=told):
        error_spectrum(problem)


@pytest.mark.parametrize("ask", [attention_spectrum, error_spectrum])
def test_it_is_printed_by_its_numbers(ask):
    found = ask(PROBLEMS["two bands"])
    shown = dict(line.split(maxsplit=1) for line in str(found).splitlines())
    assert (shown["alpha"], shown["status"]) == ("0.3", "converged")
    ends = [float(end) for end in shown["edges"].strip("[]").split()]
    assert ends == pytest.approx(found.edges.ravel().tolist(), abs=1e-7)
    assert not {"eigenvalues", "density", "cumulative"} & set(shown)
    assert "<td>status</td><td>converged</td>" in found._repr_html_()
    assert "nan" not in str(found) + found._repr_html_()
