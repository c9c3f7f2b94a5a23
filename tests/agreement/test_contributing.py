"""The worked examples of CONTRIBUTING.md run as they stand, and say what is right."""

from __future__ import annotations

import importlib
import os
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from replica import (
    DataModel,
    IndependentTokens,
    PottsTokens,
    Problem,
    Table,
    existence_threshold,
    solve,
)
from replica.ensembles import ensemble_of
from replica.losses.custom import CustomPoints
from replica.problem import LOSSES
from replica.quadrature.tilted_law import TiltedLaw
from replica.saddle_point.existence_threshold import known_threshold

# The package has a function of the same name.
channels = importlib.import_module("replica.channels.channel_of")

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
C, NORM, COPIED, LAM = 3, 1.5, 0.8, 0.1


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> dict[str, Any]:
    """Return the names that the blocks leave, run one after the other in an empty folder."""
    here, folder = Path.cwd(), tmp_path_factory.mktemp("examples")
    names: dict[str, Any] = {"__name__": "examples", "folder": folder}
    os.chdir(folder)
    try:
        for block in re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
            exec(compile(block, "CONTRIBUTING.md", "exec", dont_inherit=True), names)
    finally:
        os.chdir(here)
    return names


def test_every_room_is_named():
    root = Path(__file__).parents[2]
    rooms = {
        file.parent.relative_to(root).as_posix()
        for package in ("replica", "simulations", "figures")
        for file in (root / package).glob("*/__init__.py")
    }
    assert {room for room in rooms if f"`{room}`" not in TEXT} == set()


def eigenvalues() -> np.ndarray:
    """Return the covariance's two eigenvalues, of a pair whose second token copies the first."""
    return np.linalg.eigvalsh(np.array([[1.0, COPIED], [COPIED, 1.0]])) / C


def test_the_overlaps_of_the_new_model_are_averages_over_a_pair(examples):
    """The coupling equations of the cross-entropy, written out at λ and the given conjugates."""
    one, G = examples["paired"], eigenvalues()
    D = LAM + one.V_hat * G
    assert pytest.approx(np.mean(G / D), rel=1e-10) == one.V
    assert one.m == pytest.approx(NORM**2 * np.mean(one.m_hat * G**2 / D), rel=1e-10)
    squares = NORM**2 * (one.m_hat * G) ** 2 + one.q_hat * G
    assert one.q == pytest.approx(np.mean(G * squares / D**2), rel=1e-10)
    # Pairs carry more of the true field than lone tokens under one row do.
    assert one.test_loss < examples["unpaired"].test_loss


@pytest.mark.parametrize("alpha", [0.3, 2.0, 20.0])
def test_the_new_model_solves_ridge_regression(examples, alpha):
    """The squared error in closed form: V has one root, m and q follow linearly."""
    found = solve(Problem(alpha, LAM, examples["PairedTokens"](C, NORM, COPIED), "squared-error"))
    G, n = eigenvalues(), C - 1
    known = uncertainty(NORM**2 * G.mean())

    def gap(V: float) -> float:
        return np.mean(G / (LAM + alpha * n / (1 + V) * G)) - V

    V = brentq(gap, 0.0, G.mean() / LAM, xtol=1e-15, rtol=1e-14)
    D = LAM + alpha * n / (1 + V) * G
    m_hat = alpha * known / (1 + V)
    m = NORM**2 * np.mean(m_hat * G**2 / D)
    signal, spread = np.mean(NORM**2 * m_hat**2 * G**3 / D**2), np.mean(G**2 / D**2)
    share = alpha / (1 + V) ** 2 * spread
    q = (signal + share * (n / C - 2 * m * known)) / (1 - share * n)
    loss = 0.5 * (n / C - 2 * m * known + n * q)
    assert (found.V, found.m, found.q) == pytest.approx((V, m, q), rel=1e-9)
    assert found.test_loss == pytest.approx(loss, rel=1e-9)


def uncertainty(rho: float) -> float:
    """Return 1 - E|softmax(ν)|² of three fields of variance ρ, by Gauss's rule in the plane."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights /= weights.sum()
    plane = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    total = 0.0
    for (x, wx), (y, wy) in product(zip(nodes, weights, strict=True), repeat=2):
        p = np.exp(np.sqrt(rho) * np.array([x, y]) @ plane)
        total += wx * wy * np.sum((p / p.sum()) ** 2)
    return 1 - total


def sampled_pairs(rng: np.random.Generator, row: np.ndarray, samples: int) -> tuple[Any, Any]:
    """Return one-hot inputs without their mean, and the law of the masked token."""
    tokens = rng.integers(C, size=(samples, len(row)))
    copies = rng.random((samples, len(row) // 2)) < COPIED
    tokens[:, 1::2] = np.where(copies, tokens[:, ::2], tokens[:, 1::2])
    X = (tokens[:, None, :] == np.arange(C)[:, None]) - 1 / C
    p = np.exp(X @ row)
    return X, p / p.sum(axis=1, keepdims=True)


def test_sampled_pairs_are_predicted_as_the_new_model_says(examples):
    """Ridge regression of numpy's on sampled pairs: 12 systems of 300 sites at α = 2.

    Within four standard errors and 1/L; by chance alone once in 500 seeds, and this is one.
    """
    L, losses, rng = 300, [], np.random.default_rng(5)
    for _ in range(12):
        row = NORM / np.sqrt(L) * rng.standard_normal(L)
        X, p = sampled_pairs(rng, row, 2 * L)
        masked = (rng.random((len(p), 1)) > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
        y, X = (np.eye(C)[masked] - 1 / C).ravel(), X.reshape(-1, L)
        w = np.linalg.solve(X.T @ X + LAM * L * np.eye(L), X.T @ y)
        X, p = sampled_pairs(rng, row, 1000)
        fields = X @ w
        # Σ_a p_a |K0 e_a - K0 h|²/2, the fields being without their mean.
        losses.append(0.5 * np.mean(np.sum((fields - 2 * p) * fields, axis=1) + 1 - 1 / C))
    tolerance = 4 * np.std(losses, ddof=1) / np.sqrt(len(losses)) + 1 / L
    assert np.mean(losses) == pytest.approx(examples["closed"].test_loss, abs=tolerance)
    # Those of lone tokens are farther away.
    lone = solve(Problem(2.0, LAM, IndependentTokens(C, NORM), "squared-error")).test_loss
    assert abs(np.mean(losses) - lone) > tolerance


def test_the_quadratic_loss_is_the_squared_error_in_all(examples):
    one, other = examples["quadratic"], examples["closed"]
    for name in ("m", "q", "V", "train_loss", "optimal_loss", "coupling_error"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-8), name


def test_the_new_column_comes_back_from_the_file(examples, tmp_path):
    table = examples["table"]
    again = Table.from_csv(table.to_csv(tmp_path / "table.csv"))
    assert again.columns == table.columns
    np.testing.assert_array_equal(again["replicon"], table["replicon"])
    assert again["data"].tolist() == ["paired", "paired"]


def test_the_new_figure_shows_its_table(examples):
    names = {"pairs.csv", "pairs.json", "pairs.pdf", "pairs.png"}
    assert {path.name for path in examples["folder"].iterdir()} == names
    (line,) = examples["Pairs"]().draw(examples["table"]).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), examples["table"]["test_loss"])


def test_what_no_registry_knows_is_not_taken_for_something_else():
    class Unknown(DataModel):
        colors = 3

    with pytest.raises(TypeError, match="no ensemble is known for Unknown"):
        ensemble_of(Unknown())
    # A name without points of its own was averaged as a cross-entropy.
    with pytest.raises(KeyError, match="unknown"):
        channels.channel_of(TiltedLaw(3), "unknown")


def test_a_built_in_loss_needs_the_files_that_are_named(examples, monkeypatch):
    """A third name, entered where the text says, is solved like the loss of one's own."""

    class Tokens(PottsTokens):
        losses = (*LOSSES, "third")

    data = Tokens(C, NORM)
    points = {**channels._POINTS, "third": lambda: CustomPoints(examples["Quadratic"](), C)}
    monkeypatch.setattr(channels, "_POINTS", points)
    found = solve(Problem(2.0, LAM, data, "third"))
    expected = solve(Problem(2.0, LAM, PottsTokens(C, NORM), "squared-error"))
    assert found.test_loss == pytest.approx(expected.test_loss, rel=1e-9)
    # Nor was its threshold that of the cross-entropy.
    assert known_threshold(data, "third") == 0.0
    with pytest.raises(ValueError, match="loss = 'third'"):
        existence_threshold(data, "third")
    assert solve(Problem(1.0, 0.0, data, "third")).converged
    assert existence_threshold(data) > 1.0
