"""Ensembles of couplings against integrals, drawn matrices, and what is known of their phases."""

from math import log, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from replica import ParamagnetWarning, PottsTokens, Problem, bayes_bound, solve, stability
from replica.ensembles import ensemble_of
from replica.problem.coupling_laws import (
    GaussianCouplings,
    HopfieldCouplings,
    OrthogonalCouplings,
    coupling_law,
)
from replica.problem.other_phases import freezes, takes_over
from replica.problem.paramagnet import _end, _growth, _modes
from simulations.sequences.random_couplings import random_couplings

RING = [[1, 0.5, 0, 0.5], [0.5, 1, 0.5, 0], [0, 0.5, 1, 0.5], [0.5, 0, 0.5, 1]]


def hopfield_b(ratio, u):
    """Return b = β/C at √(b²R'(b)) = |u|, of the sign of u."""
    return u / (u + sqrt(ratio))


def spectral_average(law, f):
    """Return the average of f over the eigenvalues of J, by adaptive quadrature."""
    if isinstance(law, OrthogonalCouplings):
        return 0.5 * (f(1.0) + f(-1.0))
    g = law.ratio
    low, high = (1 - sqrt(g)) ** 2, (1 + sqrt(g)) ** 2

    def density(angle):
        # The ends of the law are roots, which the angle takes away.
        x = 0.5 * (low + high) - 0.5 * (high - low) * np.cos(angle)
        return f(x - g) * (0.5 * (high - low) * np.sin(angle)) ** 2 / (2 * np.pi * x)

    return quad(density, 0, np.pi, epsabs=1e-13, epsrel=1e-12, limit=500)[0] + f(-g) * max(1 - g, 0)


CASES = [
    ("orthogonal", 3.0),
    ("orthogonal", -0.3),
    ("hopfield:0.3", hopfield_b(0.3, 0.5)),
    ("hopfield:0.97", hopfield_b(0.97, 0.9)),
    ("hopfield:1", hopfield_b(1, 0.9)),
    ("hopfield:1.02", hopfield_b(1.02, 0.98)),
    ("hopfield:2", hopfield_b(2, 0.99)),
    ("hopfield:0.5", -3.0),
    ("hopfield:1.06", -6.0),
    ("hopfield:2", hopfield_b(2, -0.5)),
]


@pytest.mark.filterwarnings("ignore::replica.ParamagnetWarning")
@pytest.mark.parametrize(("name", "b"), CASES)
def test_the_nodes_average_over_the_spectrum_and_over_what_a_row_sees(name, b):
    data = PottsTokens(2, 2 * b, couplings=name)
    law, spectrum = data.coupling_law, ensemble_of(data).spectrum
    reaction = data.beta * law.r_transform(b)
    inverse = 1 / spectrum.covariances[0]
    assert_allclose(spectrum.weights @ spectrum.covariances[0], 0.5, rtol=1e-12)
    assert_allclose(spectrum.teacher_norm2, data.teacher_norm2, rtol=1e-12)
    assert_allclose(spectrum.rho, reaction, rtol=1e-10)
    assert np.all(spectrum.covariances > 0)
    for z in (0.03, 1.0, 50.0):

        def resolvent(x, z=z):
            return 1 / (2 + reaction + z - data.beta * x)

        g = spectral_average(law, resolvent)
        assert_allclose(spectrum.weights @ (1 / (inverse + z)), g, rtol=1e-10)
        # Schur's complement of a row.
        assert_allclose(spectrum.teacher @ (1 / (inverse + z)), 2 + reaction + z - 1 / g, rtol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "orthogonal", "hopfield:0.5", "hopfield:2"])
def test_drawn_couplings_have_the_spectrum_and_the_rows_of_their_ensemble(name):
    sites, b = 400, 0.25
    data = PottsTokens(2, 2 * b, couplings=name)
    law, spectrum = data.coupling_law, ensemble_of(data).spectrum
    J = random_couplings(law, sites, np.random.default_rng(3))
    assert_allclose(J, J.T)
    assert not np.diagonal(J).any()
    rest = 2 + data.beta * law.r_transform(b)
    G = np.linalg.inv(rest * np.eye(sites - 1) - data.beta * J[1:, 1:])
    # Of the trace of a function the deviation is of order 1/L, of one row of order 1/√L.
    assert_allclose(np.trace(G) / sites, 0.5, atol=0.01)
    assert_allclose(np.trace(G @ G) / sites, spectrum.weights @ spectrum.covariances[0] ** 2, 0.02)
    rows = [J[i] @ np.linalg.solve(rest * np.eye(sites) - data.beta * _without(J, i), J[i])
            for i in range(24)]  # fmt: skip
    error = np.std(rows) / sqrt(len(rows))
    expected = spectrum.rho[0] / data.beta**2
    assert abs(np.mean(rows) - expected) < 4 * error + 2 * expected / sites


def _without(J, i):
    """Return J without what it couples to site i."""
    rest = J.copy()
    rest[i] = rest[:, i] = 0
    return rest


def test_several_colour_modes_share_the_row():
    data = PottsTokens(4, 1.2, RING, "hopfield:0.5")
    ensemble, b = ensemble_of(data), 0.3
    u = np.sqrt(ensemble.spectrum.scales)
    assert_allclose(ensemble.spectrum.covariances @ ensemble.spectrum.weights, 0.25, rtol=1e-12)
    assert_allclose(ensemble.rho, u * data.beta * data.coupling_law.r_transform(b * u), atol=1e-12)


@pytest.mark.parametrize(
    ("colors", "beta", "couplings", "lam", "test_loss"),
    [
        (3, 1.2, "hopfield:0.5", 0.1, 1.154003),
        (3, 1.8, "orthogonal", 0.1, 1.021290),
        (2, 1.0, "hopfield:0.5", 0.075, 0.803175),
    ],
)
def test_solutions_are_those_of_the_equations_in_the_resolvent(
    colors, beta, couplings, lam, test_loss
):
    data = PottsTokens(colors, beta, couplings=couplings)
    solution = solve(Problem(2.0, lam, data))
    law, rest = data.coupling_law, colors + beta * data.coupling_law.r_transform(beta / colors)

    def g(z):
        return spectral_average(law, lambda x: 1 / (rest + z - beta * x))

    def slope(z):
        return -spectral_average(law, lambda x: 1 / (rest + z - beta * x) ** 2)

    z, V_hat = solution.V_hat / lam, solution.V_hat
    F = rest - 1 / g(0.0), rest + z - 1 / g(z)
    slope_of_F = 1 + slope(z) / g(z) ** 2
    m = solution.m_hat / V_hat * (F[0] - F[1])
    q = solution.m_hat**2 * ((F[0] - F[1]) / V_hat**2 + slope_of_F / (V_hat * lam))
    q -= solution.q_hat * slope(z) / lam**2
    assert_allclose([solution.V, solution.m, solution.q], [g(z) / lam, m, q], rtol=1e-9)
    assert_allclose(solution.test_loss, test_loss, atol=6e-7)
    assert stability(solution).stable


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_the_bayes_bound_of_a_row_is_that_of_the_posterior_of_drawn_patterns(ratio):
    sites, alpha, data = 500, 2.0, PottsTokens(3, 0.6, couplings=f"hopfield:{ratio:g}")
    X = np.random.default_rng(5).standard_normal((sites, round(ratio * sites)))
    prior = data.beta**2 * X @ X.T / sites
    rest = 3 + data.beta * (data.coupling_law.r_transform(0.2) + ratio)
    G = np.linalg.inv(rest * np.eye(sites) - prior / data.beta)
    # Precision 1/prior + α (C-1)/C G, in a form that bears directions without a pattern.
    posterior = prior @ np.linalg.inv(np.eye(sites) + alpha * 2 / 3 * G @ prior)
    bound = bayes_bound(alpha, data)
    assert_allclose(bound.m, np.trace((prior - posterior) @ G) / sites, rtol=0.02)
    assert_allclose(bound.coupling_error, np.trace(posterior) / np.trace(prior), rtol=0.02)


def test_orthogonal_couplings_have_no_bayes_bound():
    with pytest.raises(ValueError, match=r"^couplings = .orthogonal. is not allowed: .* J J = I"):
        bayes_bound(1.0, PottsTokens(2, 1.0, couplings="orthogonal"))


@pytest.mark.parametrize(
    ("colors", "law", "sign", "b"),
    [
        # b²R'(b) = 1, the temperature 1 + √γ of Amit, Gutfreund & Sompolinsky.
        (2, HopfieldCouplings(0.5), 1, 1 / (1 + sqrt(0.5))),
        (2, HopfieldCouplings(4.0), -1, 1.0),
        # b²R'(b) = 2/(C-2).
        (5, HopfieldCouplings(0.5), 1, 1 / (1 + sqrt(0.75))),
        (8, OrthogonalCouplings(), 1, sqrt(2)),
    ],
)
def test_the_paramagnet_ends_where_it_becomes_unstable(colors, law, sign, b):
    assert_allclose(_end(sign, colors, _modes(None, colors), law), b * colors, rtol=1e-12)


@pytest.mark.parametrize("colors", [2, 3, 4])
def test_the_paramagnet_ends_where_no_states_are_left(colors):
    b = _end(1, colors, _modes(None, colors), OrthogonalCouplings()) / colors
    R = quad(lambda y: (sqrt(1 + 4 * y * y) - 1) / (2 * y) if y else 0.0, 0, b)[0]
    entropy = log(colors) + (colors - 1) / 2 * (R - (sqrt(1 + 4 * b * b) - 1) / 2)
    assert abs(entropy) < 1e-9


@pytest.mark.parametrize("law", [OrthogonalCouplings(), HopfieldCouplings(0.7)])
@pytest.mark.parametrize("first_row", [(1, 0.5, 0, 0.5), (1, -0.4, 0.2, 0.1, 0.1, 0.2, -0.4)])
def test_unequal_colours_grow_as_the_free_energy_curves(law, first_row):
    colors, beta = len(first_row), 1.1
    U = np.array([np.roll(first_row, i) for i in range(colors)], dtype=float)
    values, _, vectors = _modes(tuple(map(tuple, U)), colors)
    growth = _growth(beta / colors * values, colors, vectors, law)

    def free_energy(x):
        """Return -Σ x log x + ½ tr Φ(β √x (U - c) √x) at the c where it is stationary."""
        root = np.sqrt(x)

        def energy(c):
            eigenvalues = np.linalg.eigvalsh(root[:, None] * (U - c) * root)
            return 0.5 * law.integral(beta * eigenvalues).sum()

        c = np.linspace(-0.02, 0.02, 3) + U.mean()
        for _ in range(3):
            curve = np.polyfit(c - c[1], [energy(each) for each in c], 2)
            c = c[1] - curve[1] / (2 * curve[0]) + (c - c[1]) / 4
        return -(x * np.log(x)).sum() + energy(c[1])

    step, uniform = 2e-3, np.full(colors, 1 / colors)
    directions = np.linalg.qr(np.column_stack([np.ones(colors), np.eye(colors)[:, 1:]]))[0][:, 1:]
    curvature = np.empty((colors - 1, colors - 1))
    for i, first in enumerate(directions.T):
        for j, second in enumerate(directions.T):
            around = [
                s * t * free_energy(uniform + step * (s * first + t * second))
                for s in (-1, 1)
                for t in (-1, 1)
            ]
            curvature[i, j] = sum(around) / (4 * step**2)
    assert_allclose(np.linalg.eigvalsh(curvature).max(), -colors * (1 - growth), rtol=1e-3)


def smallest(tells, colors, law, low, high):
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if tells(colors, law, middle) else (middle, high)
    return high


def test_discontinuous_transitions_are_those_of_the_literature():
    # Marinari, Parisi & Ritort: T = 0.134 for orthogonal Ising couplings.
    assert_allclose(1 / smallest(freezes, 2, OrthogonalCouplings(), 1, 12), 0.134, atol=6e-4)
    # Brangian, Kob & Binder: T = 1.142 for the Potts glass of ten colours.
    assert_allclose(1 / smallest(freezes, 10, GaussianCouplings(), 0.1, 1), 1.142, atol=6e-4)
    # Jensen's bound of section 1 of THEORY.md for Gaussian couplings.
    assert_allclose(smallest(takes_over, 5, GaussianCouplings(), 0.1, 0.99), 0.778, atol=6e-3)


def test_a_paramagnet_that_may_have_ended_is_warned_of():
    with pytest.warns(ParamagnetWarning, match="^beta = 16.0: at b = .* orthogonal couplings may"):
        PottsTokens(2, 16, couplings="orthogonal")
    PottsTokens(2, 14, couplings="orthogonal")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"couplings": "hopfield:0"}, "^couplings = 'hopfield:0' is not allowed: .*RATIO above 0"),
        ({"couplings": "hopfield:x"}, "^couplings = 'hopfield:x' is not allowed"),
        ({"couplings": "hopfield"}, "^couplings = 'hopfield' is not allowed"),
        ({"couplings": "random"}, "^couplings = 'random' is not allowed: .* gaussian, orthogonal"),
        ({"couplings": None}, "^couplings = None is not allowed"),
        (
            {"beta": 1.8, "couplings": "hopfield:0.5"},
            "^beta = 1.8 is not allowed: .* 1.75736",
        ),
        ({"beta": 26.0, "couplings": "orthogonal"}, "^beta = 26.0 is not allowed: .* 25.4558"),
        ({"beta": float("nan"), "couplings": "orthogonal"}, "^beta = nan is not allowed"),
    ],
)
def test_what_is_no_ensemble_or_no_paramagnet_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        PottsTokens(**{"colors": 3, "beta": 1.0, **changed})


def test_a_similarity_must_leave_the_paramagnet_of_its_couplings_uniform():
    # Every vertex of this graph has three neighbours, but not every one is part of a triangle.
    edges = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 4), (2, 5), (3, 6), (3, 7), (4, 6), (4, 7)]
    edges += [(5, 6), (5, 7)]
    U = np.eye(8)
    for a, b in edges:
        U[a, b] = U[b, a] = 0.3
    assert_allclose(U.sum(axis=0), 1.9)
    PottsTokens(8, 1.0, U)
    with pytest.raises(ValueError, match=r"^similarity = .* all \(U R\(bU\)\)_aa of hopfield:1"):
        PottsTokens(8, 1.0, U, "hopfield:1")


@pytest.mark.parametrize("couplings", ["orthogonal", "hopfield:0.5", "hopfield:2"])
@pytest.mark.parametrize(("beta", "similarity"), [(0.0, None), (0.0, RING), (5.0, np.ones((4, 4)))])
def test_without_couplings_nothing_is_learnt(couplings, beta, similarity):
    found = solve(Problem(2.0, 0.1, PottsTokens(4, beta, similarity, couplings)))
    assert_allclose(found.optimal_loss, log(4), rtol=1e-12)
    assert np.all(found.m == 0)


def test_an_ensemble_has_one_name():
    assert coupling_law("hopfield:.50") == HopfieldCouplings(0.5)
    data = PottsTokens(3, 1.0, couplings="hopfield:2.0")
    assert data.couplings == "hopfield:2"
    assert data.columns()["couplings"] == "hopfield:2"
    assert "couplings" not in PottsTokens(3, 1.0, couplings="gaussian").columns()
    assert data != PottsTokens(3, 1.0)
