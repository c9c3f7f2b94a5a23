"""One row of one given model against enumeration of all its sequences, and where it ends."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

from replica import (
    CustomTokens,
    FewCouplingsWarning,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    RowTokens,
    bayes_bound,
    existence_threshold,
    optimal_lam,
    solve,
    stability,
)
from replica.ensembles import ensemble_of
from replica.ensembles.few_couplings import field_error
from replica.ensembles.given_model import balanced, covariance
from replica.errors import BadArgument
from replica.problem.row_couplings import GivenModel


def gaussian(sites: int, seed: int = 0) -> np.ndarray:
    upper = np.triu(np.random.default_rng(seed).standard_normal((sites, sites)), 1)
    return (upper + upper.T) / np.sqrt(sites)


def enumerated(J: np.ndarray, colors: int, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """All sequences, one-hot (states, sites, colors), and their probabilities."""
    states = np.array(list(itertools.product(range(colors), repeat=len(J))))
    same = states[:, :, None] == states[:, None, :]
    weights = np.exp(0.5 * beta * np.einsum("sij,ij->s", same, J))
    return np.eye(colors)[states], weights / weights.sum()


def errors(J: np.ndarray, colors: int, beta: float) -> np.ndarray:
    """Errors of the means and of the covariance of the context of row 0, given its token."""
    tokens, p = enumerated(J, colors, beta)
    given = tokens[:, 0, 0] * p * colors
    mean = np.einsum("s,sja->ja", given, tokens[:, 1:])
    pairs = np.einsum("s,sja,ska->jka", given, tokens[:, 1:], tokens[:, 1:])
    known = covariance(GivenModel(J, colors, beta))
    precision = np.linalg.inv(known.covariance)
    G, u = np.linalg.inv(precision[1:, 1:]), known.interactions[0, 1:]
    # K0 e_a in the colour of the token is 1 - 1/C, and tr K0 is C - 1.
    mean_error = mean[:, 0] - 1 / colors - G @ u * (1 - 1 / colors)
    spread = pairs.sum(axis=-1) - np.einsum("ja,ka->jk", mean, mean)
    return np.array([np.abs(mean_error).max(), np.abs(spread / (colors - 1) - G).max()])


@pytest.mark.parametrize(("colors", "sites", "orders"), [(2, 8, (4, 4)), (3, 6, (3, 3))])
def test_means_and_covariances_of_enumerated_models(colors, sites, orders):
    """They are right up to an order in β, which half of β shows."""
    J = gaussian(sites, 3)
    fine, coarse = errors(J, colors, 0.08 * colors), errors(J, colors, 0.16 * colors)
    assert (fine < 1e-3).all()
    assert np.log2(coarse / fine) == pytest.approx(orders, abs=0.35)


def test_trees_have_exact_correlations():
    J = np.zeros((6, 6))
    for i, j, value in ((0, 1, 1.3), (1, 2, -0.7), (1, 3, 0.9), (3, 4, -1.6), (3, 5, 0.5)):
        J[i, j] = J[j, i] = value
    tokens, p = enumerated(J, 3, 1.4)
    exact = np.einsum("s,sja,ska->jk", p, tokens - 1 / 3, tokens - 1 / 3) / 2
    np.testing.assert_allclose(covariance(GivenModel(J, 3, 1.4)).covariance, exact, atol=1e-13)


@pytest.mark.parametrize("size", [0.0, 0.3, 3.0, 30.0])
def test_diagonal_is_found_whatever_the_couplings(size):
    R = balanced(size * gaussian(40), 0.2)
    np.testing.assert_allclose(np.diagonal(R), 0.2, rtol=1e-9)
    precision = np.linalg.inv(R)
    apart = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(
        -precision[apart], size * gaussian(40)[apart], atol=1e-6 * (1 + size)
    )


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_row_is_a_custom_spectrum_of_fewer_weights(loss):
    """L - 1 weights of L sites: α and λ per weight are L/(L - 1) times as large."""
    L, C, beta = 24, 3, 1.5
    data = RowTokens.from_couplings(gaussian(L), 5, C, beta)
    found = solve(Problem(2.0, 0.1, data, loss))
    known, rest = covariance(GivenModel(gaussian(L), C, beta)), np.delete(np.arange(L), 5)
    G = np.linalg.inv(np.linalg.inv(known.covariance)[np.ix_(rest, rest)])
    u, w = known.interactions[5, rest], beta * gaussian(L)[5, rest]
    ratio = L / (L - 1)
    same = solve(Problem(2.0 * ratio, 0.1 * ratio, CustomTokens.from_covariance(G, u, C), loss))
    for name in ("m", "q", "V", "test_loss", "train_loss", "error_rate"):
        assert getattr(found, name) == pytest.approx(getattr(same, name), rel=1e-9), name
    D = np.linalg.inv(0.1 * np.eye(L - 1) + found.V_hat * G)
    mean = found.m_hat * D @ G @ u
    norm2 = mean @ mean + found.q_hat * np.trace(D @ G @ D) / L
    error = (w @ w - 2 * w @ mean + norm2) / (w @ w)
    assert found.coupling_error == pytest.approx(error, rel=1e-9)
    assert found.optimal_loss < found.test_loss


def test_what_follows_from_a_row():
    L, C = 20, 3
    data = RowTokens.from_couplings(gaussian(L), 2, C, 1.2)
    spectrum, ratio = ensemble_of(data).spectrum, L / (L - 1)
    G = spectrum.covariances[0]
    along = CustomTokens.from_spectrum(G, np.ones(L - 1), spectrum.teacher, C)
    for loss in data.losses:
        # As if the row lay along the class means, and of L - 1 weights.
        expected = existence_threshold(along, loss) / ratio
        assert existence_threshold(data, loss) == pytest.approx(expected, rel=1e-12)
    threshold = existence_threshold(data)
    for factor, status in ((0.98, "below-threshold"), (1.05, "converged")):
        assert solve(Problem(factor * threshold, 0.0, data), check=False).status == status
    norm2 = 1.2**2 * np.sum(gaussian(L)[2] ** 2)
    alike = CustomTokens.from_spectrum(G, np.ones(L - 1), np.full(L - 1, norm2 / (L - 1)), C)
    bound = bayes_bound(3.0, data)
    assert bound.m == pytest.approx(bayes_bound(3.0 * ratio, alike).m, rel=1e-12)
    assert stability(solve(Problem(2.0, 0.1, data))).replicon > 0
    lam, best = optimal_lam(Problem(2.0, 0.1, data))
    assert best.test_loss <= solve(Problem(2.0, 1.1 * lam, data)).test_loss


def test_rows_without_couplings():
    J = gaussian(10)
    J[3] = J[:, 3] = 0.0
    alone = solve(Problem(2.0, 0.1, RowTokens.from_couplings(J, 3, 4, 1.0)))
    assert alone.optimal_loss == pytest.approx(np.log(4), rel=1e-12)
    assert (alone.m, np.isnan(alone.coupling_error)) == (0.0, True)
    free = RowTokens.from_couplings(gaussian(10), 3, 4, 0.0)
    ratio = 10 / 9
    uniform = solve(Problem(2.0 * ratio, 0.1 * ratio, PottsTokens(4, 0.0)))
    assert solve(Problem(2.0, 0.1, free)).test_loss == pytest.approx(uniform.test_loss, rel=1e-9)


def test_many_rows_of_a_long_model_are_the_ensemble():
    """The mean of 10 rows at L = 300, whose own losses spread by 2 %."""
    rows = RowTokens.rows_from_couplings(gaussian(300), range(10), 3, 1.5)
    losses = [solve(Problem(2.0, 0.1, row)).test_loss for row in rows]
    ensemble = solve(Problem(2.0, 0.1, PottsTokens(3, 1.5))).test_loss
    assert abs(np.mean(losses) - ensemble) < 3 * np.std(losses) / np.sqrt(10)
    assert 0.005 < np.std(losses) / ensemble < 0.04


def couplings_of(*entries: tuple[int, int, float], sites: int = 30) -> np.ndarray:
    J = np.zeros((sites, sites))
    for i, j, value in entries:
        J[i, j] = J[j, i] = value
    return J


#: Of sites that are all alike.
ALIKE = (1.0 - np.eye(60)) / 60


@pytest.mark.parametrize(
    ("J", "colors", "beta", "kind"),
    [
        # One colour takes over beyond β = C; the glass is near at b = 0.95.
        (ALIKE, 2, 2.2, ParamagnetWarning),
        (ALIKE, 3, 2.85, ParamagnetWarning),
        (gaussian(100), 3, 2.85, ParamagnetWarning),
        (gaussian(100), 20, 5.5, ParamagnetWarning),
        # One to three strong neighbours are no Gaussian field.
        (couplings_of((0, 1, 1.0)), 3, 2.0, FewCouplingsWarning),
        (couplings_of((0, 1, 1.0), (0, 2, -1.0), (0, 3, 1.0)), 5, 1.5, FewCouplingsWarning),
    ],
)
def test_where_it_may_be_wrong_it_warns(J, colors, beta, kind):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solve(Problem(2.0, 0.1, RowTokens.from_couplings(J, 0, colors, beta)))
    assert kind in {warning.category for warning in caught}


@pytest.mark.parametrize(("seed", "beta"), [(1, 3.0), (2, 2.4), (5, 3.6)])
def test_no_row_is_below_the_optimal_loss_but_for_the_error_that_is_told(seed, beta):
    """In enumerated models the loss of the true row is the least; Gaussian fields know another."""
    J = gaussian(6, seed)
    tokens, p = enumerated(J, 4, beta)
    fields = beta * np.einsum("j,sjc->sc", J[0], tokens)
    entropy = p @ (np.log(np.exp(fields).sum(axis=1)) - (fields * tokens[:, 0]).sum(axis=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamagnetWarning)
        with pytest.warns(FewCouplingsWarning, match="losses may be wrong by"):
            many = solve(Problem(1e4, 1e-3, RowTokens.from_couplings(J, 0, 4, beta)))
    model = GivenModel(J, 4, beta)
    told = field_error(model.teacher[0], 4, model.strongest)
    assert many.excess_loss < 0
    assert -many.excess_loss < 2 * told * many.optimal_loss
    assert abs(many.optimal_loss / entropy - 1) < 2 * told


@pytest.mark.parametrize("beta", [8.0, 40.0, 2000.0])
def test_ordered_tokens_are_refused(beta):
    with pytest.raises(ValueError, match=r"^beta = .* must be such that the couplings have a para"):
        solve(Problem(2.0, 0.1, RowTokens.from_couplings(ALIKE, 0, 2, beta)))


@pytest.mark.parametrize("colors", [2, 3, 1000])
@pytest.mark.parametrize(
    "strongest", [-49.0, pytest.param(-35.0, marks=pytest.mark.slow), 20.0, 35.0, 49.0]
)
def test_strongest_couplings_are_solved_or_refused(colors, strongest):
    """What a pair that is one token but for rounding has no answer to is refused in a line."""
    data = RowTokens.from_couplings(couplings_of((0, 1, strongest), sites=5), 0, colors, 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewCouplingsWarning)
        warnings.simplefilter("ignore", ParamagnetWarning)
        try:
            found = solve(Problem(2.0, 0.1, data))
        except BadArgument:
            return
    assert found.optimal_loss <= found.test_loss < 1.2 * np.log(colors)
