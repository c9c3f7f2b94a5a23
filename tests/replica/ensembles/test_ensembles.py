"""Data are looked at in one place, and any pair of law and loss has a channel."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import replica
from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    bayes_bound,
    mean_field_baseline,
    solve,
)
from replica.channels.by_points import PointChannel
from replica.channels.channel_of import channel_of
from replica.channels.quadratic import QuadraticChannel
from replica.ensembles import ensemble_of
from replica.ensembles.custom import CustomEnsemble
from replica.losses.cross_entropy import CrossEntropyPoints
from replica.quadrature.rule import Accuracy
from replica.saddle_point.couplings import _EQUATIONS
from replica.saddle_point.equations import Conjugates, Overlaps

MODES = np.array(
    [[2.0, 0.5, 0.0, 0.5], [0.5, 2.0, 0.5, 0.0], [0.0, 0.5, 2.0, 0.5], [0.5, 0.0, 0.5, 2.0]]
)
CUSTOM = CustomTokens.from_spectrum([0.2, 0.5], [1.0, 2.0], [0.3, 0.4], 3)

#: Rooms of the theory that may name a data model: they describe, interpret or read data.
NAMING = {"problem", "ensembles", "cli", "commandline"}


def test_data_models_are_told_apart_where_ensembles_are_made():
    models = {"PottsTokens", "IndependentTokens", "GaussianTokens", "CustomTokens"}
    theory = Path(replica.__file__).parent
    naming = set()
    for path in theory.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            node.id if isinstance(node, ast.Name) else node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute)
        }
        if names & models:
            naming.add(path.relative_to(theory).parts[0])
    assert {"ensembles", "problem"} <= naming <= NAMING


@dataclass(frozen=True)
class Matrices:
    """A context that is no spectrum: a covariance matrix and the true row."""

    covariance: np.ndarray
    teacher: np.ndarray


class MatrixEquations:
    """The coupling equations by resolvents of matrices, in coordinates that are no logarithms."""

    many = False

    def __init__(self, context: Matrices, colors: int, bias: bool) -> None:
        self.G, self.teacher = context.covariance, context.teacher
        self.teacher_norm2 = float(self.teacher @ self.teacher)
        self.unit = 1.0
        nothing = np.zeros(1)
        self.untrained = Overlaps(nothing, nothing, nothing, 0.0, 0.0)
        self.origin = np.ones(3)

    def coordinates(self, conjugates, order=None, least=0.0):
        values = np.concatenate([conjugates.q, conjugates.V, conjugates.m])
        return np.sqrt(values) if values.min() > 0 else np.full(3, np.nan)

    def conjugates(self, x, lam):
        q, V, m = x[:, None] ** 2
        return Conjugates(m, q, V)

    def overlaps(self, x, lam):
        q_hat, V_hat, m_hat = x**2
        G, sites = self.G, len(self.G)
        D = np.linalg.inv(lam * np.eye(sites) + V_hat * G)
        mean, spread = m_hat * D @ G @ self.teacher, q_hat * D @ G @ D
        return Overlaps(
            np.array([mean @ G @ self.teacher]),
            np.array([mean @ G @ mean + np.trace(G @ spread) / sites]),
            np.array([np.trace(G @ D) / sites]),
            float(mean @ self.teacher),
            float(mean @ mean + np.trace(spread) / sites),
        )

    def admits(self, order, largest_q):
        return 0 < order.q[0] < largest_q and order.V[0] > 0

    def change(self, gap):
        return float(np.abs(gap).max())

    def told(self, order):
        return {}

    def weaker(self, x):
        return x * np.array([1, 1, 0.8])


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_a_context_that_is_no_spectrum_needs_its_equations_only(loss, monkeypatch):
    """Matrices without diagonalisation, against the spectrum of the same covariance."""
    rng = np.random.default_rng(5)
    inputs = rng.standard_normal((12, 30))
    covariance, teacher = inputs @ inputs.T / 90, 0.4 * rng.standard_normal(12)
    expected = solve(Problem(1.7, 0.2, CustomTokens.from_covariance(covariance, teacher, 3), loss))
    # Other data, as solutions and ensembles are remembered by them.
    data = CustomTokens.from_spectrum([1.0], [1.0], [1.0], 3)
    monkeypatch.setitem(_EQUATIONS, Matrices, MatrixEquations)
    monkeypatch.setattr(CustomEnsemble, "context", Matrices(covariance, teacher))
    monkeypatch.setattr(CustomEnsemble, "rho", np.array([teacher @ covariance @ teacher]))
    found = solve(Problem(1.7, 0.2, data, loss))
    for name in (
        "m", "q", "V", "m_hat", "q_hat", "V_hat", "test_loss", "train_loss", "optimal_loss",
        "error_rate", "coupling_error",
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9), name


def test_equal_data_have_one_ensemble():
    assert ensemble_of(PottsTokens(3, 1.0)) is ensemble_of(PottsTokens(3, 1.0))
    same = CustomTokens.from_spectrum([0.2, 0.5], [2.0, 4.0], [0.3, 0.4], 3)
    assert ensemble_of(same) is ensemble_of(CUSTOM)


@pytest.mark.parametrize(
    ("ask", "data"),
    [
        (lambda data: bayes_bound(1.0, data), GaussianTokens(2.5)),
        (lambda data: bayes_bound(1.0, data), "potts"),
        (lambda data: mean_field_baseline("quadratic", 1.0, data), PottsTokens(4, 1.0, MODES)),
        (lambda data: mean_field_baseline("quadratic", 1.0, data), IndependentTokens(3, 1.0)),
        (lambda data: mean_field_baseline("quadratic", 1.0, data), None),
    ],
)
def test_what_an_ensemble_does_not_know_is_refused(ask, data):
    with pytest.raises(ValueError, match=r"^data = .* is not allowed: data must be Potts.* Custom"):
        ask(data)


@pytest.mark.parametrize(
    ("data", "m", "q", "V"),
    [
        (PottsTokens(2, 1.0), 0.4, 1.1, 1.5),
        (PottsTokens(3, 1.5), 0.6, 1.1, 0.9),
        (IndependentTokens(2, 1.3), 0.4, 0.7, 1.2),
        (IndependentTokens(3, 1.2), 0.3, 0.8, 0.6),
    ],
)
def test_points_serve_a_pair_that_has_a_rule_of_its_own(data, m, q, V):
    """The special rules integrate otherwise: other lattices, and one-dimensional integrals."""
    law = ensemble_of(data).law
    special, general = channel_of(law, "cross-entropy"), PointChannel(law, CrossEntropyPoints())
    order = np.array([m]), np.array([q]), np.array([V])
    one, other = (
        np.hstack(channel.rule(*order).averages(*order, Accuracy.FINE))
        for channel in (special, general)
    )
    assert other == pytest.approx(one, rel=1e-9)
    for observed in ("test_loss", "error_rate"):
        expected = getattr(special, observed)(*order[:2], Accuracy.FINE)
        assert getattr(general, observed)(*order[:2], Accuracy.FINE) == pytest.approx(
            expected, rel=1e-9
        )
    rho = ensemble_of(data).spectrum.rho
    assert general.optimal_loss(rho, Accuracy.FINE) == pytest.approx(
        special.optimal_loss(rho, Accuracy.FINE), rel=1e-9
    )


@pytest.mark.parametrize(("a", "c"), [(1.0, 1.0), (0.7, 0.3), (2.5, 1.4)])
@pytest.mark.parametrize("data", [PottsTokens(3, 1.5), IndependentTokens(3, 1.2)])
def test_closed_forms_of_a_quadratic_loss_are_sums_over_points(data, a, c):
    """Second moments of the law against g = a (y - cω)/(1 + acV) at every point of a sample."""
    law = ensemble_of(data).law
    m, q, V = 0.4, 0.9, 0.8
    sample = law.sample(m, q, q, Accuracy.FINER)
    y = np.array([2.0, -1.0, -1.0]) / 3
    g = a * (y - c * sample.fields) / (1 + a * c * V)
    found = QuadraticChannel(law, c, a).averages(
        np.array([m]), np.array([q]), np.array([V]), Accuracy.FINE
    )
    assert found.overlap[0] == pytest.approx(sample.weights @ (sample.pull * g).sum(axis=1))
    energy = sample.weights @ (g * g).sum(axis=1)
    assert found.energy[0] == pytest.approx(energy)
    # At h = ω + V g the loss is a |y - ch|²/(2c) = |g|²/(2ac).
    assert found.loss == pytest.approx(energy / (2 * a * c))
    assert found.response[0] == pytest.approx(2 * a * c / (1 + a * c * V))
