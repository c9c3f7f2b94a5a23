"""The linear estimators, against other arithmetic, known couplings and the theory."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from small_models import random_model

from replica import PottsTokens, Problem, mean_field_baseline
from replica.tables import Table
from simulations import (
    PottsModel,
    average_seeds,
    naive_mean_field,
    quadratic_estimate,
    sample,
    simulate,
    simulate_many,
    train,
)
from simulations.cli import main
from simulations.estimators.rank import _dependent, _integers

DATA = PottsTokens(3, 1.5)
SIMILAR = [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]


def problem_of(alpha: float, **changes) -> Problem:
    return Problem(alpha, 0.1, DATA).at(**changes)


def drawn(model: PottsModel, samples: int, seed: int) -> np.ndarray:
    """Independent sequences by enumeration of all states."""
    states, weights = model.enumerate()
    chosen = np.random.default_rng(seed).choice(len(states), size=samples, p=weights)
    return states[chosen]


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_naive_mean_field_by_covariances_of_colours(lam):
    model = PottsModel.random(DATA, 12, 0)
    tokens = sample(model, 50, 1)
    colours = [np.cov((tokens == a).T, bias=True) for a in range(3)]
    matrix = np.sum(colours, axis=0) / 2 + 12 * lam / (50 * 2) * np.eye(12)
    expected = -np.linalg.inv(matrix)
    np.fill_diagonal(expected, 0.0)
    found = naive_mean_field(tokens, 3, lam, [4, 1])
    np.testing.assert_allclose(found.weights, expected[[4, 1]], rtol=1e-9, atol=1e-12)
    assert found.status == "converged"


@pytest.mark.parametrize("lam", [0.0, 0.3])
def test_quadratic_estimate_is_regression_with_a_known_scale(lam):
    model = PottsModel.random(DATA, 12, 0)
    tokens = sample(model, 40, 1)
    norms = np.array([1.7, 2.5])
    found = quadratic_estimate(tokens, 3, norms, lam, [4, 1])
    regression = train(tokens, 3, lam, "squared-error", rows=[4, 1]).weights
    for row, (site, norm2) in enumerate(zip((4, 1), norms, strict=True)):
        x = (np.eye(3) - 1 / 3)[tokens].transpose(0, 2, 1).reshape(-1, 12)
        y, x = x[:, site], np.delete(x, site, axis=1)
        hat = x @ np.linalg.inv(x.T @ x + 12 * lam * np.eye(11)) @ x.T
        # w*·w = |w*|² m̂ tr(G/D)/(L-1), and with V/(1+V) the share of effective parameters.
        share = np.trace(hat) / (40 * 2)
        V = share / (1 - share)
        overlap = norm2 * V * (y @ (y - hat @ y)) / 11
        scale = overlap / np.sum(regression[row] ** 2)
        np.testing.assert_allclose(found.weights[row], scale * regression[row], rtol=1e-8)


def test_errors_fall_with_the_number_of_sequences():
    """Four times the sequences halve the error of independent tokens, w* ≈ 0, and β = 0 knows
    how large it is: |w|² = (L-1) C²/(M (C-1)). Over 40 draws, five standard errors."""
    for colors in (2, 4):
        squares = []
        for samples in (400, 1600):
            draws = [
                np.random.default_rng(seed).integers(colors, size=(samples, 6))
                for seed in range(40)
            ]
            found = [np.sum(naive_mean_field(t, colors).weights ** 2, axis=1) for t in draws]
            expected = 5 * colors**2 / (samples * (colors - 1))
            means = np.mean(found, axis=1)
            error = np.std(means, ddof=1) / np.sqrt(40)
            # Corrections are of relative order L/M.
            assert abs(means.mean() - expected) < 5 * error + 12 / samples * expected
            squares.append(means.mean())
        assert squares[0] / squares[1] == pytest.approx(4, rel=0.2)


def test_known_couplings_are_found_from_many_sequences():
    """Exact enumeration at weak coupling; what remains for M → ∞ is of second order in β."""
    model = PottsModel(random_model(1, 5, mixing=False).couplings, 3, 0.3)
    truth = np.sum(model.teacher**2)
    norms = np.sum(model.teacher**2, axis=1)
    errors = []
    for samples in (300, 3000, 30000):
        tokens = drawn(model, samples, samples)
        rows = naive_mean_field(tokens, 3).weights, quadratic_estimate(tokens, 3, norms).weights
        errors.append([np.sum((w - model.teacher) ** 2) / truth for w in rows])
    errors = np.array(errors)
    assert (errors[1:] < errors[:-1] / 2).all()
    assert (errors[-1] < 0.02).all()


@pytest.fixture(scope="module")
def long_sequences() -> list[tuple[PottsModel, np.ndarray]]:
    models = [PottsModel.random(DATA, 200, seed) for seed in range(8)]
    return [(model, sample(model, 400, 100 + seed)) for seed, model in enumerate(models)]


@pytest.mark.parametrize("lam", [0.0, 0.1])
@pytest.mark.parametrize("estimator", ["naive-mean-field", "quadratic"])
def test_coupling_error_of_long_sequences(estimator, lam, long_sequences):
    """L = 200, eight systems: five standard errors (false alarm once in 600) and 4/L."""
    errors = []
    for model, tokens in long_sequences:
        T = model.teacher
        if estimator == "quadratic":
            found = quadratic_estimate(tokens, 3, np.sum(T**2, axis=1), lam)
        else:
            found = naive_mean_field(tokens, 3, lam)
        errors.append(np.sum((found.weights - T) ** 2) / np.sum(T**2))
    exact = mean_field_baseline(estimator, 2.0, DATA, lam).coupling_error
    stderr = np.std(errors, ddof=1) / np.sqrt(8)
    assert stderr < 0.02 * exact
    assert abs(np.mean(errors) - exact) < 5 * stderr + 4 / 200 * exact


@pytest.mark.parametrize("estimate", [naive_mean_field, lambda t, c: quadratic_estimate(t, c, 1.0)])
def test_too_few_sequences_are_refused(estimate):
    tokens = sample(PottsModel.random(DATA, 40, 0), 19, 1)
    with pytest.raises(ValueError, match="samples = 19"):
        estimate(tokens, 3)


LINEAR = {
    "naive-mean-field": naive_mean_field,
    "quadratic": lambda tokens, colors, lam=0.0: quadratic_estimate(tokens, colors, 1.0, lam),
}


@pytest.mark.parametrize("estimate", LINEAR.values(), ids=LINEAR)
@pytest.mark.parametrize("seed", range(60))
def test_a_constant_site_is_named_whatever_rounding_makes_of_it(estimate, seed):
    rng = np.random.default_rng(seed)
    colors, sites = int(rng.integers(2, 5)), int(rng.integers(3, 9))
    tokens = rng.integers(colors, size=(int(rng.integers(15, 60)), sites))
    tokens[:, seed % sites] = colors - 1
    with pytest.raises(ValueError, match=rf"tokens = .* constant at site {seed % sites}"):
        estimate(tokens, colors)


def dependent_tokens(kind: str, seed: int) -> tuple[np.ndarray, int]:
    """Sequences of which site 4 follows from others, and their number of colours."""
    rng = np.random.default_rng(seed)
    colors = 3 if kind == "copy" else 2
    tokens = rng.integers(colors, size=(50, 7))
    if kind == "sum":
        three = rng.integers(3, size=50)
        tokens[:, 1], tokens[:, 2], tokens[:, 4] = three == 1, three == 2, three > 0
    else:
        tokens[:, 4] = tokens[:, 1] if kind == "copy" else 1 - tokens[:, 1]
    return tokens, colors


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    ("kind", "told", "estimates"),
    [
        ("copy", "sites 1 and 4 have the same tokens", LINEAR),
        ("opposite", "sites 1 and 4 have opposite tokens", LINEAR),
        # Without the means, which naive mean field subtracts, a sum is no linear relation.
        ("sum", "site 4 depends linearly on those before it", ["naive-mean-field"]),
    ],
)
def test_sites_that_follow_from_others_are_named(kind, told, estimates, seed):
    tokens, colors = dependent_tokens(kind, seed)
    for name in estimates:
        with pytest.raises(ValueError, match=f"tokens = .* whose {told}"):
            LINEAR[name](tokens, colors)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("centred", [True, False])
def test_integers_decide_as_fractions_do(seed, centred):
    """The rank by elimination in exact fractions, of sequences hardly more than sites."""
    rng = np.random.default_rng(seed)
    colors = int(rng.integers(2, 4))
    tokens = rng.integers(colors, size=(7, 6)).astype(np.uint8)
    integers = _integers(tokens, colors, centred)
    rows = [[Fraction(int(x)) for x in row] for row in integers]
    expected = None
    for k in range(len(rows)):
        if rows[k][k] == 0:
            expected = k
            break
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    assert _dependent(integers) == expected


def test_weight_decay_answers_for_singular_correlations():
    """A constant site has no coupling; a copy shares that of the site it copies."""
    tokens = np.random.default_rng(0).integers(3, size=(60, 5))
    constant = naive_mean_field(np.column_stack([tokens, np.zeros(60, int)]), 3, 1e-6).weights
    np.testing.assert_array_equal(constant[:, 5], np.zeros(6))
    np.testing.assert_array_equal(constant[5], np.zeros(6))
    copied = np.column_stack([tokens, tokens[:, 0]])
    weights = naive_mean_field(copied, 3, 1e-3).weights
    np.testing.assert_allclose(weights[1:5, 0], weights[1:5, 5], rtol=1e-9)
    for estimate in LINEAR.values():
        with pytest.raises(ValueError, match=r"lam = 1e-18 .* no inverse"):
            estimate(copied, 3, 1e-18)


def test_a_weight_decay_lost_to_rounding_is_refused():
    allowed = "lam must be greater, as the correlations have no inverse"
    with pytest.raises(ValueError, match=rf"^lam = 1e-16 is not allowed: {allowed}$"):
        simulate(problem_of(0.05, lam=1e-16), 20, estimator="quadratic")


@pytest.mark.parametrize("norm2", [0.0, -1.0, [1.0, 2.0]])
def test_bad_norms(norm2):
    tokens = sample(PottsModel.random(DATA, 20, 0), 40, 1)
    with pytest.raises(ValueError, match="norm2 = "):
        quadratic_estimate(tokens, 3, norm2, rows=[0])


COMMAND = [
    *("--colors", "3", "--beta", "1.5", "--lam", "0.1", "--alpha", "2", "--sites", "20"),
    *("--seeds", "2", "--rows", "3", "--test-samples", "50"),
]


@pytest.mark.usefixtures("without_workers")
def test_estimators_on_the_command_line(tmp_path):
    amp = tmp_path / "amp.csv"
    words = [*COMMAND, "--estimator", "amp", "--out"]
    assert main([*words, str(amp), "--workers", "1"]) == 0
    two = tmp_path / "two.csv"
    assert main([*words, str(two), "--workers", "2"]) == 0
    assert amp.read_bytes() == two.read_bytes()
    table = Table.from_csv(amp)
    assert list(table["estimator"]) == ["amp", "amp"]
    # A table of one estimator is not continued with another.
    words[words.index("amp")] = "quadratic"
    assert main([*words, str(amp), "--workers", "1"]) == 2


def test_estimators_side_by_side():
    options = {"rows": 3, "test_samples": 50}
    names = ("minimiser", "amp", "naive-mean-field", "quadratic")
    lines = {name: simulate(problem_of(2.0), 20, estimator=name, **options) for name in names}
    default = simulate(problem_of(2.0), 20, **options)
    assert lines["minimiser"] == default | {"estimator": "minimiser"}
    for name in ("test_loss", "coupling_error", "m", "q"):
        assert lines["amp"][name] == pytest.approx(default[name], rel=1e-6)
    assert lines["amp"]["V"] > 0
    assert "V" not in lines["quadratic"]
    assert lines["quadratic"]["coupling_error"] < lines["naive-mean-field"]["coupling_error"]


def test_estimators_in_tables_and_averages():
    problem = problem_of(1.0)
    options = {"rows": 2, "test_samples": 20, "estimator": "quadratic"}
    line = simulate(problem, 20, 1, **options)
    table = simulate_many([problem], [20], [0, 1], **options)
    assert line in table.lines()
    assert list(average_seeds(table)["estimator"]) == ["quadratic"]


@pytest.mark.parametrize(
    ("problem", "estimator", "message"),
    [
        (problem_of(1.0), "guess", "estimator = 'guess'"),
        (problem_of(0.4, lam=0.0), "quadratic", "alpha = 0.4"),
        (problem_of(0.5, lam=0.0), "naive-mean-field", "alpha = 0.5"),
        (problem_of(1.0, data=PottsTokens(3, 0.0)), "quadratic", "beta = 0"),
        (
            problem_of(1.0, data=PottsTokens(3, 1.0, SIMILAR)),
            "amp",
            "estimator = 'amp'",
        ),
    ],
)  # fmt: skip
def test_estimators_that_do_not_apply(problem, estimator, message):
    with pytest.raises(ValueError, match=message):
        simulate(problem, 20, estimator=estimator)
