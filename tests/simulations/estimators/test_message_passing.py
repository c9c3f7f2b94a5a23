"""Message passing: its course against state evolution, its end against the minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from small_models import random_model

from replica import PottsTokens, Problem, state_evolution
from simulations import PottsModel, approximate_message_passing, sample, token_precision, train
from simulations.estimators import message_passing
from simulations.estimators.cavity import CavitySpectra
from simulations.estimators.losses import loss_named

LOSSES = ("cross-entropy", "squared-error")


def system(colors: int, sites: int, samples: int, seed: int = 0):
    model = PottsModel.random(PottsTokens(colors, colors / 2), sites, seed)
    return model, sample(model, samples, 1000 + seed)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("colors", [2, 3, 5])
def test_fixed_point_is_the_minimiser(colors, loss):
    model, tokens = system(colors, 60, 120)
    found = approximate_message_passing(model, tokens, 0.1, loss, [3, 0, 59], tolerance=1e-9)
    best = train(tokens, colors, 0.1, loss, rows=[3, 0, 59], tolerance=1e-10)
    assert found.status == best.status == "converged"
    distance = np.linalg.norm(found.training.weights - best.weights, axis=1)
    assert (distance < 1e-7 * np.linalg.norm(best.weights, axis=1)).all()
    assert (found.residuals[-1] < 1e-9).all()
    assert (found.residuals[0] == 1).all()
    assert (found.training.weights[np.arange(3), [3, 0, 59]] == 0).all()


def test_damping_and_a_wrong_covariance_change_the_course_alone(monkeypatch):
    model, tokens = system(3, 60, 120)
    plain = approximate_message_passing(model, tokens, 0.1, rows=[0, 1])
    damped = approximate_message_passing(model, tokens, 0.1, rows=[0, 1], damping=0.3)
    monkeypatch.setattr(message_passing, "token_precision", lambda model: 3 * np.eye(60))
    wrong = approximate_message_passing(model, tokens, 0.1, rows=[0, 1], damping=0.3)
    for other in (damped, wrong):
        assert other.status == "converged"
        np.testing.assert_allclose(other.training.weights, plain.training.weights, atol=1e-6)
    assert np.abs(wrong.V[1:4] - damped.V[1:4]).max() > 0.01
    # White tokens these are not: without damping the iteration does not even settle.
    assert approximate_message_passing(model, tokens, 0.1, rows=[0]).status == "max-steps"


@pytest.mark.parametrize("loss", LOSSES)
def test_without_a_unique_minimiser_it_diverges(loss):
    model, tokens = system(3, 60, 18)
    found = approximate_message_passing(model, tokens, 0.0, loss)
    assert set(found.training.statuses) == {"diverged"}
    assert np.isfinite(found.training.weights).all()


@pytest.mark.parametrize("lam", [1e-16, 1e-12, 1e-6])
def test_small_decay_on_separable_data(lam):
    """What has arrived is the minimum: there λ L |w|² is the pull of all tokens along w."""
    model, tokens = system(3, 20, 12)
    found = approximate_message_passing(model, tokens, lam, rows=[0, 1, 2]).training
    if lam >= 1e-12:
        assert found.status == "converged"
    for row in np.nonzero(found.statuses == "converged")[0]:
        fields = np.eye(3)[tokens].transpose(0, 2, 1) @ found.weights[row]
        pull = np.eye(3)[tokens[:, row]] - softmax(fields, axis=1)
        assert np.sum(pull * fields) == pytest.approx(
            20 * lam * np.sum(found.weights[row] ** 2), rel=1e-2
        )


@pytest.mark.filterwarnings("error")
def test_one_sequence_without_decay_diverges():
    model, tokens = system(3, 20, 1)
    assert approximate_message_passing(model, tokens, 0.0, rows=[0, 1]).status == "diverged"


@pytest.mark.parametrize("loss", LOSSES)
def test_iterations_in_whitened_coordinates(loss):
    """Three iterations of section 2 of MESSAGE_PASSING.md, with explicit matrices."""
    C, L, lam, site = 3, 20, 0.2, 4
    model, tokens = system(C, L, 30)
    course = approximate_message_passing(model, tokens, lam, loss, [site], steps=3)
    rest = np.delete(np.arange(L), site)
    G = np.linalg.inv(token_precision(model)[np.ix_(rest, rest)])
    values, vectors = np.linalg.eigh(G)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    centred = np.eye(C) - 1 / C
    y = centred[tokens[:, site]]
    x = np.einsum("jk,mkc->mjc", np.linalg.inv(root), centred[tokens[:, rest]])
    v, g, V = np.zeros(L - 1), np.zeros_like(y), 0.0
    teacher = model.teacher[site, rest]
    for step in range(4):
        omega = np.einsum("mjc,j->mc", x, v) - V * g
        seen = np.eye(C)[tokens[:, site]]
        g, stiffness = np.zeros_like(y), 0.0
        for mu in range(len(y)):
            h = proximal_point(loss, seen[mu], omega[mu], V)
            p = np.exp(h) / np.exp(h).sum()
            H = np.diag(p) - np.outer(p, p) if loss == "cross-entropy" else centred
            g[mu] = seen[mu] - p if loss == "cross-entropy" else y[mu] - h
            stiffness += np.trace(H @ np.linalg.inv(np.eye(C) + V * H)) / L
        w = np.linalg.solve(root, v)
        np.testing.assert_allclose(course.m[step, 0], teacher @ G @ w, atol=1e-7)
        np.testing.assert_allclose(course.q[step, 0], w @ G @ w, atol=1e-7)
        np.testing.assert_allclose(course.V[step, 0], V, rtol=1e-7)
        gamma = np.einsum("mjc,mc->j", x, g) / L + stiffness * v
        inverse = np.linalg.inv(lam * np.linalg.inv(G) + stiffness * np.eye(L - 1))
        v, V = inverse @ gamma, np.trace(inverse) / L


def proximal_point(loss: str, seen: np.ndarray, omega: np.ndarray, V: float) -> np.ndarray:
    """The minimum of ℓ(y, h) + |h - ω|²/(2V) by a general-purpose minimiser."""
    if V == 0:
        return omega
    C = len(seen)

    def value(h):
        centred = h - h.mean() - seen + 1 / C
        if loss == "squared-error":
            return 0.5 * centred @ centred * V + 0.5 * np.sum((h - omega) ** 2)
        return (np.logaddexp.reduce(h) - seen @ h) * V + 0.5 * np.sum((h - omega) ** 2)

    def slope(h):
        pull = h - h.mean() - seen + 1 / C
        if loss == "cross-entropy":
            pull = np.exp(h - np.logaddexp.reduce(h)) - seen
        return pull * V + h - omega

    return minimize(value, omega, jac=slope, method="BFGS", options={"gtol": 1e-11}).x


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("V", [0.0, 1e-9, 0.7, 300.0])
def test_forces(loss, V):
    rng = np.random.default_rng(0)
    fields = 3 * rng.standard_normal((20, 1, 4))
    fields -= fields.mean(axis=-1, keepdims=True)
    seen = np.eye(4)[rng.integers(4, size=(20, 1))]
    found = loss_named(loss).force(fields, seen, np.array([V]))
    h = fields + V * found.force
    p = np.exp(h) / np.exp(h).sum(axis=-1, keepdims=True)
    expected = seen - p if loss == "cross-entropy" else seen - 0.25 - h
    np.testing.assert_allclose(found.force, expected, atol=1e-9 * max(V, 1))
    trace = np.zeros((20, 1))
    for a in range(4):
        step = np.zeros(4)
        step[a] = 1e-5
        step -= step.mean()
        up, down = (
            loss_named(loss).force(fields + s * step, seen, np.array([V])).force for s in (1, -1)
        )
        trace -= (up - down)[..., a] / 2e-5
    np.testing.assert_allclose(found.response, trace, rtol=1e-5, atol=1e-8)


def test_spectra_without_a_site():
    rng = np.random.default_rng(1)
    root = rng.standard_normal((7, 9))
    P, rows = root @ root.T, np.array([5, 0, 2])
    spectra = CavitySpectra(P, rows)
    right = rng.standard_normal((7, 3))
    right[rows, np.arange(3)] = 0.0
    shift = np.array([0.1, 1.0, 3.0])
    solved, traces = spectra.solve(right, 0.4, shift), spectra.trace(0.4, shift)
    for column, site in enumerate(rows):
        rest = np.delete(np.arange(7), site)
        cavity = P[np.ix_(rest, rest)]
        inverse = np.linalg.inv(0.4 * cavity + shift[column] * np.eye(6))
        np.testing.assert_allclose(solved[rest, column], inverse @ right[rest, column])
        np.testing.assert_allclose(traces[column], np.trace(inverse))
        product = spectra.precision(right)[rest, column]
        np.testing.assert_allclose(product, cavity @ right[rest, column])
        answer = spectra.covariance(right)[rest, column]
        np.testing.assert_allclose(cavity @ answer, right[rest, column])
    assert (solved[rows, np.arange(3)] == 0).all()


def test_precision_by_enumeration():
    """The expansion holds to second order in β: its error falls by eight when β is halved."""
    errors = []
    for beta in (0.08, 0.04):
        model = PottsModel(random_model(3, 5, mixing=False).couplings, 4, beta)
        states, weights = model.enumerate()
        hot = np.eye(4)[states] - 0.25
        covariance = np.einsum("s,sic,sjc->ij", weights, hot, hot) / 3
        errors.append(np.abs(np.linalg.inv(covariance) - token_precision(model)).max())
    assert errors[0] < 2e-3
    assert 7 < errors[0] / errors[1] < 9


@pytest.mark.parametrize("loss", LOSSES)
def test_course_is_that_of_state_evolution(loss):
    """Every iteration, over 40 systems.

    A row has L - 1 weights, to which the theory is adapted. Three standard errors over systems
    are exceeded by chance once in 210 comparisons of independent quantities; there are four
    for each loss, their iterations being nearly alike. The seeds are fixed.
    """
    L, systems, steps = 100, 40, 6
    ratio = L / (L - 1)
    problem = Problem(ratio, 0.1 * ratio, PottsTokens(3, 1.5 / np.sqrt(ratio)), loss)
    theory = state_evolution(problem, steps)
    names = ("m", "q", "V", "train_loss")
    courses = []
    for seed in range(systems):
        model = PottsModel.random(PottsTokens(3, 1.5), L, seed)
        tokens = sample(model, L, 1000 + seed)
        course = approximate_message_passing(model, tokens, 0.1, loss, range(10), steps)
        courses.append([getattr(course, name).mean(axis=1) for name in names])
    mean = np.mean(courses, axis=0)
    error = np.std(courses, axis=0, ddof=1) / np.sqrt(systems)
    for k, name in enumerate(names):
        gap = mean[k, 1:] - getattr(theory, name)[1:]
        assert (np.abs(gap) < 3 * error[k, 1:]).all(), (name, gap / error[k, 1:])
        # What is compared is known to better than two per cent.
        assert (error[k, 1:] < 0.02 * mean[k, 1:]).all(), name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lam": -1.0}, "lam = -1"),
        ({"loss": "hinge"}, "loss = 'hinge'"),
        ({"rows": [40]}, "rows = "),
        ({"steps": 0}, "steps = 0"),
        ({"tolerance": 0.0}, "tolerance = 0"),
        ({"damping": 1.0}, "damping = 1"),
        ({"tokens": np.zeros((0, 40), dtype=int)}, "tokens = "),
    ],
)
def test_bad_arguments(changes, message):
    model, tokens = system(3, 40, 20)
    with pytest.raises(ValueError, match=message):
        approximate_message_passing(**{"model": model, "tokens": tokens, "lam": 0.1} | changes)


def test_couplings_beyond_the_paramagnet_are_refused():
    chain = PottsModel(np.eye(20, k=1) + np.eye(20, k=-1), 6, 12.0)
    with pytest.raises(ValueError, match="positive definite"):
        approximate_message_passing(chain, np.zeros((5, 20), dtype=int), 0.1)
    with pytest.raises(ValueError, match="similarity = "):
        token_precision(random_model(0))
