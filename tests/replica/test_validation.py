"""What counts as a number, and which numbers the data models take."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse import csr_array

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    Problem,
    Table,
    bayes_bound,
    cavity_covariance,
    optimal_lam,
    sweep,
)
from replica.validation import invalid, numbers, real


@pytest.mark.parametrize("value", [2, np.int8(2), np.float32(2), np.array(2.0), Fraction(2)])
def test_real_numbers_of_every_kind(value):
    assert real("x", value) == 2.0
    assert type(real("x", value)) is float
    assert real("x", Decimal("0.5")) == 0.5


@pytest.mark.parametrize(
    "value",
    [True, np.True_, np.array(True), "2", b"2", np.str_("2"), 2 + 0j, np.complex128(2), [2.0],
     np.array([2.0]), None, np.nan, 10**400],
)  # fmt: skip
def test_what_is_no_real_number(value):
    with pytest.raises(ValueError, match=r"^alpha = .* is not allowed: "):
        Problem(value, 0.1, PottsTokens(3, 1.0))


@pytest.mark.parametrize(
    "value", ["abc", b"1", [1.0, "2"], [[1.0], [2.0, 3.0]], [1j], np.eye(2, dtype=bool), [np.inf]]
)
def test_what_is_no_array_of_numbers(value):
    with pytest.raises(ValueError, match=r"^x = .* is not allowed: x must be numbers$"):
        numbers("x", value, "numbers")


HIDDEN = np.ma.array([1.0, 2.0], mask=[False, True])
HIDDEN_MATRIX = np.ma.array(np.eye(3) + 1, mask=np.eye(3) > 0)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: PottsTokens(3, 1.0, HIDDEN_MATRIX), "similarity"),
        (lambda: PottsTokens(3, 1.0, list(HIDDEN_MATRIX)), "similarity"),
        (lambda: PottsTokens(3, np.ma.masked), "beta"),
        (lambda: PottsTokens(np.ma.array(3, mask=True), 1.0), "colors"),
        (lambda: CustomTokens.from_spectrum(HIDDEN, [1, 1], [1, 1], 3), "eigenvalues"),
        (lambda: CustomTokens.from_spectrum([1, 1], HIDDEN, [1, 1], 3), "weights"),
        (lambda: CustomTokens.from_spectrum([1, 1], [1, 1], HIDDEN, 3), "teacher"),
        (lambda: CustomTokens.from_spectrum([1, 1], [1, 1], [1, np.ma.masked], 3), "teacher"),
        (lambda: CustomTokens.from_covariance(HIDDEN_MATRIX, [1, 1, 1], 3), "covariance"),
        (lambda: CustomTokens.from_covariance(np.eye(2), HIDDEN, 3), "teacher"),
        (lambda: cavity_covariance(HIDDEN_MATRIX, 0), "covariance"),
        (lambda: sweep(Problem(1.0, 0.1, PottsTokens(3, 1.0)), HIDDEN), "alpha"),
        (lambda: bayes_bound(np.ma.masked, PottsTokens(3, 1.0)), "alpha"),
        (lambda: Table([{"m": np.ma.masked}]), "m"),
        (lambda: Table([{"q": HIDDEN}]), "q"),
    ],
)
def test_what_stands_under_a_mask_is_no_number(call, told):
    with pytest.raises(ValueError, match=rf"^{told} = .* is not allowed: {told} must be "):
        call()


def test_a_mask_over_nothing_is_none():
    np.testing.assert_array_equal(numbers("x", np.ma.array([1, 2]), "numbers"), [1.0, 2.0])
    assert real("x", np.ma.array(2.0)) == 2.0


@pytest.mark.parametrize(
    "value",
    [np.array([1, "2"], dtype=object), np.array([2.5, True], dtype=object), [1.0, None],
     csr_array(np.eye(3)), np.zeros(2, dtype=[("a", float)]), np.array(["2026"], dtype="M8[Y]"),
     np.array(1e4000, dtype=np.longdouble), {0: 1.0}, iter([1.0])],
    ids=["texts", "truth values", "none", "sparse", "records", "dates", "huge", "dict", "iterator"],
)  # fmt: skip
def test_what_only_looks_like_numbers_is_refused_in_a_line(value):
    with pytest.raises(ValueError, match=r"^x = [^\n]* is not allowed: x must be numbers$"):
        numbers("x", value, "numbers")


def test_complex_similarities_are_refused():
    with pytest.raises(ValueError, match="similarity = "):
        PottsTokens(3, 1.0, 1j * np.eye(3))


def test_norms_and_shifts_are_bounded():
    for norm in (30.1, 1e300):
        with pytest.raises(ValueError, match=r"coupling_norm = .* from 0 to 30"):
            IndependentTokens(3, norm)
    with pytest.raises(ValueError, match=r"shift = 1e\+300 .* at most 1e\+06"):
        GaussianTokens(1e300)


def test_a_truth_value_of_numpy_is_one():
    assert GaussianTokens(3, 1, np.True_) == GaussianTokens(3, 1, True)
    assert GaussianTokens(3, 1, np.True_).joint is True


def test_a_change_of_a_problem_has_a_known_name():
    own, of_data = (
        "alpha, lam, data, loss, bias, masking",
        "colors, beta, similarity, couplings, spike",
    )
    told = rf"^Problem\.at\(\) takes no 'alfa', only {own}, {of_data}$"
    with pytest.raises(TypeError, match=told):
        Problem(1.0, 0.1, PottsTokens(3, 1.0)).at(lam=1.0, alfa=3)


def test_the_best_weight_decay_needs_something_to_learn():
    with pytest.raises(ValueError, match=r"data = .* something to learn"):
        optimal_lam(Problem(1.0, 0.1, PottsTokens(3, 0.0)))


def test_what_is_cut_does_not_hide_what_is_wrong():
    folder = "/a-folder-of-some-length" * 5
    assert str(invalid("path", f"{folder}/table-7.csv", "new")).count("/table-7.csv'") == 1
    values = np.ones((30, 30))
    values[17, 4] = np.inf
    for given in (values, values.tolist()):
        with pytest.raises(ValueError, match=r"must be finite; G\[17, 4\] is inf$"):
            numbers("G", given, "finite")
    with pytest.raises(ValueError, match=r"must be finite$"):
        numbers("G", [1.0, np.inf], "finite")
