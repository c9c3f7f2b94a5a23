"""Rows of which moments are given, against spectra, invariances, dense algebra and training."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from mixtures import Mixture, potts_row, random_mixture
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from smoothed import SmoothedCrossEntropy

from replica import (
    PottsTokens,
    Problem,
    RowTokens,
    Solution,
    bayes_bound,
    existence_threshold,
    few_samples,
    free_energy,
    mean_field_baseline,
    optimal_lam,
    sensitivities,
    solve,
    stability,
    state_evolution,
    sweep,
)
from replica.predictions.free_energy import free_energy_at
from replica.quadrature.rule import Accuracy
from replica.saddle_point.equations import Conjugates, Overlaps
from replica.saddle_point.saddle_point import SaddlePoint

LOSSES = ("cross-entropy", "squared-error")
LOSS_NAMES = ("test_loss", "train_loss", "error_rate")


class Quadratic:
    """The squared error, as a user writes it."""

    name = "quadratic"

    def value(self, h):
        return 0.5 * ((self._centred(h) - self._target(h)) ** 2).sum(axis=-1)

    def prox(self, omega, V):
        mean = omega.mean(axis=-1, keepdims=True)
        return mean + (self._centred(omega) + V * self._target(omega)) / (1 + V)

    def optimum(self, p):
        return 0.5 * (1 - (p**2).sum(axis=-1))

    def _target(self, h):
        return self._centred(np.eye(h.shape[-1])[0])

    def _centred(self, h):
        return h - h.mean(axis=-1, keepdims=True)


def alike(one: Solution, other: Solution, rel: float) -> None:
    for name in (*LOSS_NAMES, "optimal_loss", "coupling_error"):
        expected = pytest.approx(getattr(other, name), rel=rel, nan_ok=True)
        assert getattr(one, name) == expected, name


@pytest.mark.parametrize(
    ("colors", "loss"),
    [*product((2, 3), (*LOSSES, Quadratic())), (2, SmoothedCrossEntropy(0.2))],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_exact_moments_of_colours_that_are_alike_give_the_numbers_of_their_spectrum(colors, loss):
    mixture, row, spectrum = potts_row(colors, 24, 1)
    one = RowTokens.from_moments(*mixture, teacher=row)
    for alpha, lam in ((2.0, 0.1), (0.5, 0.01)):
        found, expected = (solve(Problem(alpha, lam, data, loss)) for data in (one, spectrum))
        alike(found, expected, 1e-8)
        line, other = found.line(), expected.line()
        assert [line[name] for name in "mqV"] == pytest.approx([other[n] for n in "mqV"], rel=1e-8)
        assert found.quadrature_error < 1e-8


def test_four_colours_agree_within_the_stated_error():
    mixture, row, spectrum = potts_row(4, 16, 2)
    one = RowTokens.from_moments(*mixture, teacher=row)
    found, expected = (solve(Problem(2.0, 0.1, data)) for data in (one, spectrum))
    alike(found, expected, found.quadrature_error)
    assert found.quadrature_error < 1e-4


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_rows_trained_on_a_mixture_follow_the_theory(loss, bias):
    """Twelve systems of L = 61; four standard errors fail once in 16 000 times for each number."""
    sites, alpha, lam, colors = 61, 2.0, 0.3, 3
    mixture = random_mixture(colors, sites - 1, 7, common=0.3)
    theory = solve(Problem(alpha, lam, mixture.row(), loss, bias=bias))
    measured = np.array([trained(mixture, alpha, lam, loss, bias, seed) for seed in range(12)])
    mean, error = measured.mean(axis=0), measured.std(axis=0, ddof=1) / np.sqrt(len(measured))
    expected = np.array([getattr(theory, name) for name in LOSS_NAMES])
    assert (error < 0.05 * expected).all()
    assert (np.abs(mean - expected) < 4.0 * error).all(), (mean, expected, error)


def trained(mixture: Mixture, alpha: float, lam: float, loss: str, bias: bool, seed: int):
    """Return test loss, training loss and error rate of a row at scipy's minimum."""
    rng = np.random.default_rng(seed)
    inputs, colors = mixture.means.shape[1:]
    size = inputs * colors
    roots = [np.linalg.cholesky(each.reshape(size, size)) for each in mixture.covariance]

    def drawn(samples: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.choice(colors, size=samples, p=mixture.frequencies)
        noise = rng.standard_normal((samples, size))
        moved = np.array([roots[a] @ each for a, each in zip(y, noise, strict=True)])
        F = mixture.means[y] + moved.reshape(samples, inputs, colors)
        # The bias is a further input for each colour, which does not decay.
        ones = np.broadcast_to(np.eye(colors)[: colors * bias], (samples, colors * bias, colors))
        return np.concatenate([F, ones], axis=1), np.eye(colors)[y]

    def losses(h: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if loss == "cross-entropy":
            return -(Y * log_softmax(h, axis=1)).sum(axis=1), softmax(h, axis=1) - Y
        r = h - Y
        r = r - r.mean(axis=1, keepdims=True)
        return 0.5 * (r**2).sum(axis=1), r

    F, Y = drawn(round(alpha * (inputs + 1)))
    decay = (inputs + 1) * lam * (np.arange(F.shape[1]) < inputs)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        value, force = losses(np.einsum("msc,s->mc", F, w), Y)
        gradient = np.einsum("msc,mc->s", F, force) + decay * w
        return float(value.sum() + 0.5 * decay @ w**2), gradient

    w = minimize(objective, np.zeros(F.shape[1]), jac=True, method="L-BFGS-B").x
    train = losses(np.einsum("msc,s->mc", F, w), Y)[0].mean()
    F, Y = drawn(3000)
    h = np.einsum("msc,s->mc", F, w)
    return losses(h, Y)[0].mean(), train, np.mean(h.argmax(axis=1) != Y.argmax(axis=1))


def dense(mixture: Mixture, hats: Conjugates, lam: float) -> tuple[Overlaps, float]:
    """The coupling equations by sums over all colours and sites, and |w|²."""
    _, mu, S = mixture
    sites = mu.shape[1] + 1
    D = lam * np.eye(sites - 1) + np.einsum("acd,ajckd->jk", hats.V, S)
    N = np.einsum("acd,ajckd->jk", hats.q, S)
    inverse = np.linalg.inv(D)
    w = inverse @ np.einsum("ac,ajc->j", hats.m, mu)
    spread = inverse @ N @ inverse / sites
    m = np.einsum("j,ajc->ac", w, mu)
    q = np.einsum("jk,ajckd->acd", np.outer(w, w) + spread, S)
    V = np.einsum("jk,ajckd->acd", inverse / sites, S)
    projector = np.eye(mu.shape[2]) - 1 / mu.shape[2]
    norm2 = float(w @ w + np.trace(spread))
    order = Overlaps(m @ projector, *(projector @ each @ projector for each in (q, V)), 0.0, norm2)
    return order, norm2


def matrices(rng: np.random.Generator, colors: int) -> np.ndarray:
    """Random positive matrices of colour differences, one for each token."""
    root = rng.standard_normal((colors, colors, colors))
    root -= root.mean(axis=1, keepdims=True)
    return root @ root.swapaxes(1, 2) / colors


@pytest.mark.parametrize("loss", LOSSES)
def test_the_equations_are_the_derivatives_of_the_free_energy(loss):
    rng, colors = np.random.default_rng(3), 3
    mixture = random_mixture(colors, 7, 4)
    problem = Problem(1.3, 0.2, mixture.row(), loss)
    m, m_hat = (x - x.mean(axis=1, keepdims=True) for x in rng.standard_normal((2, 3, 3)))
    order = Overlaps(m, matrices(rng, colors), matrices(rng, colors), np.nan, np.nan)
    hats = Conjugates(m_hat, matrices(rng, colors), matrices(rng, colors))
    average = SaddlePoint(problem).averages(order, Accuracy.FINER)
    found, _ = dense(mixture, hats, 0.2)
    # By m, q, V and their conjugates.
    gradients = [
        hats.m - 1.3 * average.overlap,
        (1.3 * average.response - hats.V) / 2,
        (hats.q - 1.3 * average.energy) / 2,
        order.m - found.m,
        (found.V - order.V) / -2,
        (found.q - order.q) / 2,
    ]
    point = [order.m, order.q, order.V, hats.m, hats.q, hats.V]
    for i, gradient in enumerate(gradients):
        direction = point[i - 1 if i % 3 else i] if i % 3 else rng.standard_normal((3, 3))
        if i % 3 == 0:
            direction = direction - direction.mean(axis=1, keepdims=True)
        else:
            direction = matrices(rng, colors)

        def along(step: float, i: int = i, direction: np.ndarray = direction) -> float:
            moved = [x + step * direction if k == i else x for k, x in enumerate(point)]
            return free_energy_at(
                problem, Overlaps(*moved[:3], np.nan, np.nan), Conjugates(*moved[3:])
            )

        h = 1e-3
        slope = (8 * (along(h) - along(-h)) - along(2 * h) + along(-2 * h)) / (12 * h)
        assert slope == pytest.approx(float((gradient * direction).sum()), rel=1e-6, abs=1e-7), i


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_solution_obeys_dense_equations_and_its_free_energy_is_the_objective(loss, bias):
    mixture = random_mixture(3, 9, 5)
    s = solve(Problem(1.5, 0.05, mixture.row(), loss, bias=bias))
    order, norm2 = dense(mixture, Conjugates(s.m_hat, s.q_hat, s.V_hat), 0.05)
    b = (s.m - order.m)[0] if bias else 0.0
    assert s.m == pytest.approx(order.m + b, abs=1e-9)
    assert s.q == pytest.approx(order.q, abs=1e-9)
    assert pytest.approx(order.V, abs=1e-9) == s.V
    if bias:
        assert s.m_hat.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-9)
    assert free_energy(s) == pytest.approx(1.5 * s.train_loss + 0.025 * norm2, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_names_of_colours_and_common_shifts_mean_nothing(loss):
    pi, mu, S = random_mixture(3, 9, 6)
    here = solve(Problem(1.5, 0.05, RowTokens.from_moments(pi, mu, S), loss))
    names = np.array([2, 0, 1])
    turned = Mixture(pi[names], mu[names][:, :, names], S[names][:, :, names][..., names])
    other = solve(Problem(1.5, 0.05, turned.row(), loss))
    alike(here, other, 1e-8)
    assert other.m == pytest.approx(here.m[names][:, names], rel=1e-7, abs=1e-8)
    # F_j + c_j (1, 1, 1) with random c, correlated with F.
    shift = np.random.default_rng(1).standard_normal((9, 9, 3))
    S = S + shift[None, :, None] + shift.transpose(1, 2, 0)[None, :, :, :, None]
    S = S + np.einsum("jlc,klc->jk", shift, shift)[None, :, None, :, None]
    moved = RowTokens.from_moments(pi, mu + np.arange(9)[None, :, None], S)
    alike(here, solve(Problem(1.5, 0.05, moved, loss)), 1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_common_covariance_is_that_of_every_token(loss):
    pi, mu, S = random_mixture(3, 9, 8)
    common = RowTokens.from_moments(pi, mu, S[0])
    every = RowTokens.from_moments(pi, mu, np.array([S[0]] * 3))
    alike(*(solve(Problem(1.5, 0.05, data, loss)) for data in (common, every)), 1e-9)


def test_a_token_whose_inputs_never_vary_and_a_weight_decay_that_leaves_no_field():
    """Without variance given token 0, fields have q_0 = 0; at large λ frequencies are learnt."""
    pi, mu, S = random_mixture(3, 9, 14)
    S[0] = 0.0
    solution = solve(Problem(1.5, 0.05, RowTokens.from_moments(pi, mu, S)))
    assert not solution.q[0].any()
    assert (np.linalg.eigvalsh(solution.q[1:]).max(axis=1) > 0.1).all()
    flat = solve(Problem(1.5, 1e8, RowTokens.from_moments(pi, mu, S), bias=True))
    assert flat.test_loss == pytest.approx(-float(pi @ np.log(pi)), rel=1e-6)
    assert flat.error_rate == pytest.approx(1 - pi.max(), rel=1e-6)


@pytest.mark.parametrize(
    ("colors", "status"),
    [(2, "below-threshold"), pytest.param(5, "diverged", marks=pytest.mark.slow)],
)
def test_below_the_existence_threshold_no_number_is_an_answer(colors, status):
    solution = solve(Problem(0.3, 0.0, random_mixture(colors, 19, 1).row()), check=False)
    assert solution.status == status


@pytest.mark.parametrize("loss", LOSSES)
def test_with_a_bias_a_common_mean_of_any_length_means_nothing(loss):
    """Along such a mean, of length 1000 here, plain iteration overshoots a million times."""
    pi, mu, S = random_mixture(3, 9, 9, common=0.0)
    far = mu + 300.0 * np.random.default_rng(2).standard_normal((9, 3))
    near, there = (
        solve(Problem(1.5, 0.05, RowTokens.from_moments(pi, each, S), loss, bias=True))
        for each in (mu, far)
    )
    alike(near, there, 1e-7)
    assert there.evaluations < 60


def test_units_of_the_inputs_are_units_of_the_weight_decay():
    pi, mu, S = random_mixture(3, 9, 10)
    s = 1e3
    here = solve(Problem(1.5, 0.05, RowTokens.from_moments(pi, mu, S)))
    alike(
        here, solve(Problem(1.5, 0.05 * s**2, RowTokens.from_moments(pi, s * mu, s**2 * S))), 1e-8
    )


def test_a_bias_of_colours_that_are_alike_is_none():
    data = PottsTokens(3, 1.0)
    without, with_bias = (solve(Problem(2.0, 0.1, data, bias=bias)) for bias in (False, True))
    assert {**with_bias.line(), "bias": None} == {**without.line(), "bias": None}


@pytest.mark.parametrize("loss", LOSSES)
def test_directions_that_no_input_shows_change_nothing(loss):
    """A site that never changes, and one that copies another, beside the same without them."""
    pi, mu, S = random_mixture(3, 6, 11)
    silent = np.zeros((3, 8, 3, 8, 3))
    silent[:, :6, :, :6] = S
    data = RowTokens.from_moments(pi, np.concatenate([mu, np.zeros((3, 2, 3))], axis=1), silent)
    # At L = 9 instead of 7, α L and λ L the same.
    found = solve(Problem(1.5 * 7 / 9, 0.05 * 7 / 9, data, loss))
    alike(found, solve(Problem(1.5, 0.05, RowTokens.from_moments(pi, mu, S), loss)), 1e-8)


def test_the_squared_error_has_a_solution_without_weight_decay_beyond_interpolation():
    data = random_mixture(3, 9, 12).row()
    threshold = existence_threshold(data, "squared-error")
    assert threshold == pytest.approx(0.9 / 2)
    assert solve(Problem(1.02 * threshold, 0.0, data, "squared-error")).V.max() > 1.0
    below = solve(Problem(0.98 * threshold, 0.0, data, "squared-error"), check=False)
    assert below.status == "below-threshold"
    assert np.isnan(below.m).all()


def test_a_curve_tells_three_numbers_for_its_matrices_and_needs_fewer_evaluations(tmp_path):
    data = random_mixture(3, 9, 13).row()
    curve = sweep(Problem(1.0, 0.05, data), np.geomspace(1.0, 2.0, 6))
    assert curve["m"].shape == curve["q"].shape == curve["V"].shape == (6,)
    one = curve.solutions[3]
    assert curve["q"][3] == pytest.approx(data.context.frequencies @ np.trace(one.q, 0, 1, 2) / 2)
    alone = solve(one.problem)
    alike(one, alone, 1e-8)
    assert one.evaluations < alone.evaluations
    curve.to_csv(tmp_path / "curve.csv")


def test_stability_and_the_best_weight_decay_are_those_of_the_spectrum():
    mixture, row, spectrum = potts_row(2, 14, 3)
    data = RowTokens.from_moments(*mixture, teacher=row)
    pair = [solve(Problem(2.0, 0.1, each)) for each in (data, spectrum)]
    found, expected = (stability(each).replicon for each in pair)
    assert found == pytest.approx(expected, rel=1e-8)
    best, known = (optimal_lam(Problem(2.0, 0.1, each))[0] for each in (data, spectrum))
    assert best == pytest.approx(known, rel=1e-6)


def test_derivatives_are_those_of_neighbours():
    data = random_mixture(3, 6, 15).row()
    found = sensitivities(solve(Problem(1.0, 0.1, data, "squared-error")))
    for name, step in (("alpha", 1e-3), ("lam", 1e-4)):
        here = {"alpha": 1.0, "lam": 0.1}
        right, left = (
            solve(Problem(**{**here, name: here[name] + s * step}, data=data, loss="squared-error"))
            for s in (1, -1)
        )
        for each in LOSS_NAMES:
            slope = (getattr(right, each) - getattr(left, each)) / (2 * step)
            assert found[each][name] == pytest.approx(slope, rel=1e-4), (each, name)


@pytest.mark.parametrize(
    "ask",
    [
        lambda data: bayes_bound(1.0, data),
        lambda data: mean_field_baseline("quadratic", 1.0, data),
        lambda data: few_samples(Problem(1.0, 0.1, data)),
        lambda data: state_evolution(Problem(1.0, 0.1, data), 3),
    ],
)
def test_what_moments_do_not_tell_is_refused_in_a_line(ask):
    with pytest.raises(ValueError, match=r"^data = 'moments' is not allowed: data must be ") as e:
        ask(random_mixture(3, 4, 1).row())
    assert "\n" not in str(e.value)


def test_without_a_true_row_nothing_is_said_of_it():
    line = solve(Problem(1.0, 0.1, random_mixture(3, 4, 1).row(), "squared-error")).line()
    assert not {"optimal_loss", "excess_loss", "coupling_error"} & set(line)
