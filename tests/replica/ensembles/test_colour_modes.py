"""A general similarity of the colours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from replica import PottsTokens, Problem, existence_threshold, solve
from replica.ensembles.colour_modes import ColourModes
from replica.ensembles.potts import PottsEnsemble
from replica.predictions.free_energy import free_energy, free_energy_at
from replica.quadrature.error_rate import error_rate
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.saddle_point import SaddlePoint
from replica.tables import Table
from simulations import PottsModel, average_seeds, extrapolate, sample, simulate_many, train

OBSERVABLES = ("m", "q", "V", "test_loss", "train_loss", "optimal_loss", "coupling_error")


def circulant(*row: float) -> list[list[float]]:
    return [np.roll(row, i).tolist() for i in range(len(row))]


DEGENERATE = Problem(2.0, 0.1, PottsTokens(4, 2.0, circulant(1, 0.5, 0, 0.5)))
NEGATIVE = Problem(1.5, 0.1, PottsTokens(4, 2.0, circulant(1, -0.3, 0.2, -0.3)))
SIX = Problem(1.5, 0.1, PottsTokens(6, 1.9, circulant(1, 0.4, -0.2, -0.4, -0.2, 0.4)))


def test_identity_as_a_matrix_is_none():
    assert PottsTokens(3, 1.5, np.eye(3)) == PottsTokens(3, 1.5)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("colors", [2, 3, 4])
def test_the_code_of_many_modes_agrees_on_one(monkeypatch, loss, colors):
    """U = I + const has the one mode of U = I."""
    shifted = PottsTokens(colors, 0.5 * colors, np.eye(colors) + 0.3)
    plain = solve(Problem(2.0, 0.1, PottsTokens(colors, 0.5 * colors), loss))
    monkeypatch.setattr(ColourModes, "one", False)
    own = solve(Problem(2.0, 0.1, shifted, loss))
    for name in OBSERVABLES:
        assert getattr(own, name) == pytest.approx(getattr(plain, name), rel=1e-9), name
    assert own.error_rate == pytest.approx(plain.error_rate, rel=1e-9)
    assert own.quadrature_error < 1e-9


@pytest.mark.parametrize(("colors", "least", "most"), [(5, 0.0, 1e-11), (10, 1e-9, 1e-5)])
def test_error_rates_of_many_modes_are_within_their_error(monkeypatch, colors, least, most):
    """Paths for few colours, a lattice for many, against the one integral that one mode has."""
    monkeypatch.setattr(ColourModes, "one", False)
    data = PottsTokens(colors, 0.5 * colors, 0.5 * np.eye(colors) + 0.1)
    law = PottsEnsemble(data).law
    for m, q in ((0.2, 0.3), (0.9, 0.4)):
        exact = error_rate(colors, m, q)
        stated = law.rate_error(np.array([m]), np.array([q]))
        found = law.error_rate(np.array([m]), np.array([q]), Accuracy.FINE)
        assert least <= stated < most
        assert abs(found / exact - 1.0) < 1.5 * stated + 1e-13


@pytest.mark.parametrize("colors", [3, 5])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_scale_moves_between_temperature_and_similarity(loss, colors):
    """β U enters as a product; the row is the larger the smaller U, which λ feels."""
    half = PottsTokens(colors, colors / 2, 0.5 * np.eye(colors) + 0.5 / colors)
    plain = solve(Problem(2.0, 0.4, PottsTokens(colors, colors / 4), loss))
    own = solve(Problem(2.0, 0.1, half, loss))
    for name in (*OBSERVABLES, "error_rate"):
        assert getattr(own, name) == pytest.approx(getattr(plain, name), rel=1e-10), name
    assert own.quadrature_error < 1e-9
    assert existence_threshold(half) == pytest.approx(existence_threshold(plain.problem.data))


def test_without_weight_decay_the_search_decides():
    """Separable below about α = 1.3, where simulated rows grow without end."""
    below, above = (Problem(alpha, 0.0, DEGENERATE.data) for alpha in (1.0, 5.0))
    failed, found = solve(below, check=False, max_steps=20), solve(above)
    assert failed.status in ("max-steps", "diverged", "not-finite")
    assert found.test_loss == pytest.approx(solve(above.at(lam=1e-7)).test_loss, rel=1e-4)


def test_a_failed_solution_has_as_many_numbers_as_modes():
    failed = solve(Problem(0.1, 0.0, DEGENERATE.data, "squared-error"), check=False)
    assert failed.status == "below-threshold"
    for name in ("m", "q", "V", "m_hat", "q_hat", "V_hat"):
        np.testing.assert_array_equal(getattr(failed, name), [np.nan, np.nan])


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(DEGENERATE, id="degenerate"),
        pytest.param(NEGATIVE, id="negative", marks=pytest.mark.slow),
    ],
)
def test_the_free_energy_is_stationary(problem):
    solution = solve(problem)
    order = {name: np.copy(getattr(solution, name)) for name in ("m", "q", "V")}
    hats = {name: np.copy(getattr(solution, f"{name}_hat")) for name in ("m", "q", "V")}

    def potential() -> float:
        overlaps = Overlaps(**order, teacher_overlap=np.nan, norm2=np.nan)
        return free_energy_at(problem, overlaps, Conjugates(**hats))

    assert potential() == pytest.approx(free_energy(solution), rel=1e-12)
    step = 1e-4
    for values in (order, hats):
        for array in values.values():
            for k in np.flatnonzero(solution.q):
                kept = array[k]
                array[k] = kept + step
                up = potential()
                array[k] = kept - step
                down = potential()
                array[k] = kept
                assert abs(up - down) / (2 * step) < 1e-6


def test_a_vanishing_eigenvalue_carries_no_field():
    solution = solve(DEGENERATE)
    assert solution.m[0] == solution.q[0] == solution.V[0] == 0.0
    assert solution.m[1] > 0
    assert solution.line()["m"].shape == (2,)


def test_printed_value():
    assert solve(DEGENERATE).test_loss == pytest.approx(1.2903, abs=5e-5)


@pytest.mark.parametrize("problem", [DEGENERATE, NEGATIVE], ids=["degenerate", "negative"])
def test_error_rate_by_sampling_fields(problem):
    """Four standard errors: false alarm below one in ten thousand."""
    solution = solve(problem)
    U = np.array(problem.data.similarity)
    values, vectors = np.linalg.eigh(U - U.mean())
    modes = np.unique(np.round(np.delete(values, np.argmin(abs(vectors.sum(0)) < 1e-9)), 9))
    rng = np.random.default_rng(2)
    fields = np.zeros((400_000, 4))
    for m, q, u in zip(solution.m, solution.q, modes, strict=True):
        basis = vectors[:, (abs(values - u) < 1e-8) & (abs(vectors.sum(0)) < 1e-9)]
        noise = rng.standard_normal((len(fields), basis.shape[1]))
        fields += (m * basis[0] + np.sqrt(q) * noise) @ basis.T
    rate = np.mean(fields.argmax(axis=1) != 0)
    assert abs(rate - solution.error_rate) < 4 * np.sqrt(rate / len(fields))


@pytest.fixture(scope="module")
def measured() -> Table:
    lines = []
    family = [DEGENERATE, NEGATIVE, SIX]
    for sites, seeds in {50: 32, 100: 16, 200: 8}.items():
        table = simulate_many(family, [sites], range(seeds), 1, rows=50, test_samples=500)
        for number, problem in enumerate(family):
            mine = [line for line in table.lines() if line["alpha"] == problem.alpha]
            mine = [line for line in mine if line["colors"] == problem.data.colors]
            average = average_seeds(Table(mine)).lines()[0]
            lines.append(average | {"number": number})
    return Table(lines)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 2], ids=["degenerate", "negative", "six"])
def test_extrapolated_simulation_agrees(number, measured):
    """Nine comparisons at three standard errors: false alarm one in forty at fresh seeds."""
    solution = solve([DEGENERATE, NEGATIVE, SIX][number])
    points = measured.where(number=number)
    assert set(points["status"]) == {"converged"}
    for name in ("test_loss", "train_loss", "coupling_error"):
        limit = extrapolate(points["sites"], points[name], points[f"{name}_stderr"])
        assert limit.stderr < 0.02 * limit.value, name
        assert abs(limit.value - getattr(solution, name)) < 3 * limit.stderr, name


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 2], ids=["degenerate", "negative", "six"])
def test_norm_and_overlap_of_trained_rows(number):
    """|w|² and w·w*, extrapolated in 1/L: six comparisons at three standard errors, false alarm
    one in sixty at fresh seeds."""
    problem = [DEGENERATE, NEGATIVE, SIX][number]
    solution, saddle = solve(problem), SaddlePoint(problem)
    order = saddle.overlaps(
        np.log(np.concatenate([solution.V_hat, solution.m_hat, solution.q_hat]))
    )
    sizes, found = (50, 100, 150), []
    for sites, seeds in zip(sizes, (24, 12, 8), strict=True):
        per_seed = []
        for seed in range(seeds):
            model = PottsModel.random(problem.data, sites, 100 + seed)
            tokens = sample(model, round(problem.alpha * sites), 200 + seed)
            rows = train(tokens, model.colors, problem.lam, similarity=model.similarity)
            teacher = model.teacher[rows.rows]
            per_seed.append(
                [
                    np.mean(np.sum(rows.weights**2, axis=1)),
                    np.mean(np.sum(rows.weights * teacher, axis=1)),
                ]
            )
        found.append((np.mean(per_seed, 0), np.std(per_seed, 0, ddof=1) / np.sqrt(seeds)))
    for i, expected in enumerate((order.norm2, order.teacher_overlap)):
        limit = extrapolate(sizes, [mean[i] for mean, _ in found], [err[i] for _, err in found])
        assert limit.stderr < 0.03 * expected
        assert abs(limit.value - expected) < 3 * limit.stderr


@pytest.mark.parametrize(
    ("similarity", "told"),
    [
        ("one", "similarity = 'one' .* symmetric matrix of 3 x 3"),
        (np.eye(4), "symmetric matrix of 3 x 3"),
        ([[1, 2, 0], [0, 1, 0], [0, 0, 1]], "symmetric matrix"),
        (np.full((3, 3), np.nan), "symmetric matrix"),
        (np.diag([1.0, 2.0, 3.0]), "equal row sums"),
        ([[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]], "U K0 U"),
    ],
)
def test_bad_similarity(similarity, told):
    with pytest.raises(ValueError, match=told):
        PottsTokens(3, 1.0, similarity)


def test_beta_beyond_the_paramagnet():
    with pytest.raises(ValueError, match=r"beta = 1\.6 .* between -1\.5 and 1\.5"):
        PottsTokens(3, 1.6, 2 * np.eye(3))


def test_threshold_is_known_for_one_mode_only():
    with pytest.raises(ValueError, match="similarity = "):
        existence_threshold(DEGENERATE.data)


def test_colours_that_are_all_alike_teach_nothing():
    """U = 11ᵀ: no field reaches the loss."""
    for loss, expected in (("cross-entropy", math.log(3)), ("squared-error", 1 / 3)):
        found = solve(Problem(1.0, 0.1, PottsTokens(3, 1.0, np.ones((3, 3))), loss))
        assert found.test_loss == pytest.approx(expected, rel=1e-12)
        assert found.coupling_error == pytest.approx(1.0)
        assert found.error_rate == pytest.approx(2 / 3)


def test_interpolation_counts_the_modes_with_a_field():
    """Half of four colours' modes vanish at rows (1, 0, 1, 0): U has rank one beyond 1."""
    row = [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    data = PottsTokens(4, 1.0, row)
    assert existence_threshold(data, "squared-error") == 1.0
    peak = [solve(Problem(a, 1e-7, data, "squared-error")).test_loss for a in (0.8, 1.0, 1.25)]
    assert peak[1] > 20 * max(peak[0], peak[2])


def test_a_huge_field_falls_back_on_points():
    """A lattice would take gigabytes; Sobol points say how far they may be trusted."""
    data = PottsTokens(6, 0.2, circulant(1, 0, 0.6, 0.2, 0.6, 0))
    found = solve(Problem(0.3, 1e-3, data), check=False)
    assert found.converged
    assert 1e-7 < found.quadrature_error < 0.05
