from __future__ import annotations

import numpy as np
import pytest

from replica import PottsTokens
from simulations import PottsModel, attention_map, measured_precision, read_map, sample, train


def planted(colors: int, beta: float, spike: float, sites: int = 24, seed: int = 0) -> PottsModel:
    return PottsModel.random(PottsTokens(colors, beta, spike=spike), sites, seed)


@pytest.mark.parametrize(
    ("colors", "samples", "lam"),
    [(2, 90, 0.0), (3, 90, 0.1), (3, 5, 0.1), (4, 2, 1e-3)],
    ids=lambda value: f"{value:g}",
)
def test_one_inverse_gives_the_rows_that_are_trained(colors, samples, lam):
    tokens = sample(planted(colors, 1.0, 0.0), samples, 1)
    whole = attention_map(tokens, colors, lam, "squared-error")
    rows = train(tokens, colors, lam, "squared-error").weights
    assert whole.status == "converged"
    assert np.abs(whole.attention - rows).max() < 1e-8 * np.abs(rows).max()
    found = np.linalg.eigvals(whole.attention)
    assert np.allclose(np.sort(found.real), whole.eigenvalues, atol=1e-9)
    # 1/P_ii is what the best prediction leaves of a site.
    K0, L = np.eye(colors) - 1 / colors, tokens.shape[1]
    x = np.eye(colors)[tokens] @ K0
    rest = ((x - np.einsum("ij,mjc->mic", rows, x)) ** 2).sum(axis=(0, 2))
    assert np.allclose(whole.variances, rest + L * lam * (1 + (rows**2).sum(axis=1)))


def test_rows_without_an_inverse_or_with_a_bias_are_trained():
    tokens = sample(planted(3, 1.0, 0.0), 6, 1)
    for lam, bias in ((0.0, False), (0.1, True)):
        whole = attention_map(tokens, 3, lam, "squared-error", bias)
        rows = train(tokens, 3, lam, "squared-error", bias=bias)
        assert np.array_equal(whole.attention, rows.weights)
        assert whole.variances is None
        assert whole.status == rows.status
    soft = attention_map(tokens, 3, 0.1)
    assert np.array_equal(soft.attention, train(tokens, 3, 0.1).weights)
    assert np.allclose(
        soft.eigenvalues, np.linalg.eigvalsh((soft.attention + soft.attention.T) / 2)
    )


def test_a_pattern_is_kept_and_changes_the_couplings_alone():
    with_it, without = planted(3, 1.0, 1.5), planted(3, 1.0, 0.0)
    v = with_it.pattern
    assert without.pattern is None
    assert set(v) == {-1.0, 1.0}
    gap = with_it.couplings - without.couplings
    assert np.allclose(gap, 1.5 / 24 * (np.outer(v, v) - np.eye(24)))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_map_that_is_known_is_read_as_what_it_is(sign):
    model = planted(2, sign * 0.6, 2.5)
    tokens = sample(model, 60, 3)
    rng = np.random.default_rng(0)
    noise = np.triu(rng.standard_normal((24, 24)), 1)
    noise -= np.vdot(noise, model.couplings) / np.vdot(model.couplings, model.couplings)
    skew = noise - noise.T
    found = read_map(0.5 * model.teacher + skew, model, tokens)
    values, vectors = np.linalg.eigh(0.5 * model.teacher)
    place = -1 if sign > 0 else 0
    assert found.outlier == pytest.approx(values[place])
    assert found.overlap == pytest.approx((vectors[:, place] @ model.pattern) ** 2 / 24)
    assert found.symmetrised_error == pytest.approx(0.25)
    size = (model.teacher**2).sum()
    assert found.coupling_error == pytest.approx(0.25 + (skew**2).sum() / size)
    assert found.noise_correlation == pytest.approx(-1.0)
    assert found.precision == 1.0
    x = np.eye(2)[tokens] - 0.5
    covariance = np.einsum("mic,mjc->ij", x, x) / 60
    values, vectors = np.linalg.eigh(covariance)
    assert np.allclose(covariance.diagonal(), 0.5)
    assert found.pca_outlier == pytest.approx(values[place])
    assert found.pca_overlap == pytest.approx((vectors[:, place] @ model.pattern) ** 2 / 24)


def test_precision_counts_contacts_among_the_strongest_pairs():
    J = np.zeros((5, 5))
    J[0, 1], J[1, 2], J[2, 3] = 1.0, -2.0, 0.5
    A = np.zeros((5, 5))
    A[0, 1], A[1, 2], A[0, 4], A[2, 3], A[4, 2] = 3.0, 1.0, -2.0, 0.5, 9.0
    J, whole = J + J.T, A + A.T
    assert measured_precision(whole, J) == pytest.approx(1 / 3)
    assert measured_precision(A, J, symmetrised=False) == pytest.approx(2 / 3)
    assert measured_precision(whole, J, contacts=0.1) == 0.0
    assert measured_precision(whole, J, top=0.5) == pytest.approx(3 / 5)
    F = np.abs(whole)
    sums = F.sum(axis=0)
    F -= np.outer(sums, sums) / sums.sum()
    order = sorted(zip(*np.triu_indices(5, k=1), strict=True), key=lambda pair: -F[pair])
    right = np.mean([J[pair] != 0 for pair in order[:3]])
    assert measured_precision(whole, J, corrected=True) == pytest.approx(right)
    assert measured_precision(np.zeros((5, 5)), J) == pytest.approx(0.3), "a guess"
    for name, wrong in (("contacts", 0.0), ("contacts", 1.0), ("top", 2.0), ("top", 1e-9),
                        ("symmetrised", 1), ("corrected", "no")):  # fmt: skip
        with pytest.raises(ValueError, match=name):
            measured_precision(whole, J, **{name: wrong})
    with pytest.raises(ValueError, match="contacts"):
        measured_precision(whole, np.ones((5, 5)) - np.eye(5))


def test_what_does_not_fit_is_refused():
    model = planted(2, 0.5, 0.0)
    tokens, A = sample(model, 9, 3), np.zeros((24, 24))
    for arguments, name in (
        ((A[1:], model, tokens), "attention"),
        ((A + 1, model, tokens), "attention"),
        ((A, None, tokens), "model"),
        ((A, model, tokens[:, 1:]), "tokens"),
    ):
        with pytest.raises(ValueError, match=name):
            read_map(*arguments)
    with pytest.raises(ValueError, match="lam"):
        attention_map(tokens, 2, -1.0, "squared-error")
    for wrong in (np.zeros(24), np.ones(23)):
        with pytest.raises(ValueError, match="pattern"):
            PottsModel(model.couplings, 2, 0.5, pattern=wrong)
