"""Moments that are none are refused in a line, and equal ones are one."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from known_mixtures import Mixture
from mixtures import random_mixture

from replica import Problem, RowTokens, Table, average_rows, sweep_rows

C, INPUTS = 3, 4
GIVEN = random_mixture(C, INPUTS, 1)


def changed(name: str, place: tuple[int, ...], value: float) -> dict[str, np.ndarray]:
    array = getattr(GIVEN, name).copy()
    array[place] = value
    return {name: array}


def asymmetric() -> np.ndarray:
    return GIVEN.covariance + np.triu(np.ones((12, 12)), 1).reshape(INPUTS, C, INPUTS, C)


def indefinite() -> np.ndarray:
    """A covariance with a negative eigenvalue along a colour difference, of one token alone."""
    found = GIVEN.covariance.copy()
    direction = np.zeros((INPUTS, C))
    direction[2] = 1.0, -1.0, 0.0
    found[1] -= 5.0 * np.einsum("jc,kd->jckd", direction, direction)
    return found


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("frequencies", {"frequencies": [0.5, 0.3, np.nan]}),
        ("frequencies", {"frequencies": [0.5, 0.3, 0.3]}),
        ("frequencies", {"frequencies": [0.6, 0.4, 0.0]}),
        ("frequencies", {"frequencies": [1.2, -0.1, -0.1]}),
        ("frequencies", {"frequencies": [1.0]}),
        ("frequencies", {"frequencies": []}),
        ("frequencies", {"frequencies": "abc"}),
        ("frequencies", {"frequencies": np.full((3, 1), 1 / 3)}),
        ("means", {"means": GIVEN.means[0]}),
        ("means", {"means": GIVEN.means[:, :, :2]}),
        ("means", {"means": GIVEN.means[:2]}),
        ("means", {"means": np.zeros((C, 0, C))}),
        ("means", {"means": None}),
        ("means", changed("means", (1, 2, 0), np.nan)),
        ("means", changed("means", (1, 2, 0), np.inf)),
        ("covariance", {"covariance": GIVEN.covariance[:2]}),
        ("covariance", {"covariance": GIVEN.covariance.reshape(C, 12, 12)}),
        ("covariance", {"covariance": GIVEN.covariance[:, :3]}),
        ("covariance", {"covariance": 1j * GIVEN.covariance}),
        ("covariance", {"covariance": asymmetric()}),
        ("covariance", {"covariance": np.ones((INPUTS, C, INPUTS, C))}),
        ("covariance", {"covariance": indefinite()}),
        ("covariance", {"covariance": -GIVEN.covariance}),
        ("covariance", changed("covariance", (0, 1, 2, 3, 0), np.nan)),
        ("covariance", changed("covariance", (0, 1, 2, 3, 0), 7.0)),
        ("teacher", {"teacher": np.ones(INPUTS + 1)}),
        ("teacher", {"teacher": [1.0, np.nan, 0.0, 0.0]}),
        ("field", {"teacher": np.ones(INPUTS), "field": np.ones(2)}),
        ("field", {"field": np.ones(C)}),
    ],
)
def test_what_is_no_moment_is_refused_in_a_line(name, wrong):
    with pytest.raises(ValueError, match=rf"^{name} = .* is not allowed: {name} must be ") as error:
        RowTokens.from_moments(**{**GIVEN._asdict(), **wrong})
    assert "\n" not in str(error.value)


def test_a_semidefinite_covariance_is_allowed_and_counts_without_its_gauge():
    direction = np.arange(1.0, 1.0 + INPUTS * C).reshape(INPUTS, C)
    singular = np.einsum("jc,kd->jckd", direction, direction)
    RowTokens.from_moments(GIVEN.frequencies, GIVEN.means, singular)
    # What is indefinite only along common shifts of the colours, no loss sees.
    shifted = GIVEN.covariance - 3.0 * np.ones(singular.shape)
    RowTokens.from_moments(GIVEN.frequencies, GIVEN.means, shifted)


def test_equal_moments_are_equal_and_stay_as_they_are():
    mine = [np.array(array) for array in GIVEN]
    row, same = RowTokens.from_moments(*mine), RowTokens.from_moments(*GIVEN)
    mine[1][:] = 0.0
    assert row == same
    assert hash(row) == hash(same)
    assert row == pickle.loads(pickle.dumps(row))
    assert row != RowTokens.from_moments(*GIVEN, teacher=np.zeros(INPUTS))
    assert row != RowTokens.from_moments(GIVEN[0], GIVEN[1], GIVEN[2][0])
    with pytest.raises(ValueError, match="read-only"):
        row.context.means[0] = 0.0
    assert (row.name, row.colors, row.context.sites) == ("moments", C, INPUTS + 1)


def test_tables_tell_rows_of_moments_apart_and_average_them():
    given = [Mixture.random([0.5, 0.3, 0.2], 4, 0.5, seed).moments for seed in (0, 1)]
    rows = [RowTokens.from_moments(*each, row=i) for i, each in enumerate(given)]
    lines = sweep_rows(Problem(1.0, 0.1, rows[0], "squared-error"), rows, [1.0, 2.0])
    table = Table(lines.lines())
    assert table["row"].tolist() == [0, 0, 1, 1]
    assert len(set(table["moments"])) == 2
    mean = average_rows(table)
    assert mean["rows"].tolist() == [2, 2]
    assert mean["test_loss"] == pytest.approx(table["test_loss"].reshape(2, 2).mean(axis=0))
    assert RowTokens.from_moments(*given[0]) != rows[0]
    assert "row" not in RowTokens.from_moments(*given[0]).columns()
    with pytest.raises(ValueError, match="row = -1 is not allowed"):
        RowTokens.from_moments(*given[0], row=-1)
