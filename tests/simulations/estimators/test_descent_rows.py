"""Rows trained by gradient descent, against dense arithmetic and the exact minimiser."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import symmetric

from replica.problem import PottsTokens
from simulations import PottsModel, sample, train
from simulations.estimators.descent import descend

COLORS, SITES, LAM, RATE = 3, 12, 0.1, 0.25


def tokens_of(samples: int = 29) -> np.ndarray:
    return sample(PottsModel.random(PottsTokens(COLORS, 1.5), SITES, 0), samples, 0)


def dense_course(
    tokens: np.ndarray, row: int, U: np.ndarray, loss: str, momentum: float, steps: int
) -> np.ndarray:
    """Return w of one row after every step, by the definition."""
    inputs = np.delete(U[tokens], row, axis=1)
    seen = np.eye(COLORS)[tokens[:, row]]
    w, move = np.zeros(SITES - 1), np.zeros(SITES - 1)
    course = [w]
    for _ in range(steps):
        h = np.einsum("mja,j->ma", inputs, w)
        p = np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)
        error = p - seen if loss == "cross-entropy" else h - seen
        error = error - error.mean(axis=1, keepdims=True)
        slope = np.einsum("mja,ma->j", inputs, error) + SITES * LAM * w
        move = momentum * move - RATE / SITES * slope
        w = w + move
        course.append(w)
    return np.array(course)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("mixing", [False, True])
def test_steps_by_the_definition(loss, mixing, momentum):
    similarity = symmetric(np.random.default_rng(1), COLORS) if mixing else None
    U = np.eye(COLORS) if similarity is None else similarity
    tokens, steps = tokens_of(), [0, 1, 2, 7]
    found = descend(tokens, COLORS, LAM, RATE, steps, loss, similarity, [4, 0], momentum)
    course = dense_course(tokens, 4, U, loss, momentum, 7)
    for expected, (step, training) in zip(steps, found, strict=True):
        assert step == expected
        assert training.status == "converged"
        np.testing.assert_array_equal(training.rows, [4, 0])
        weights = np.delete(training.weights[0], 4)
        np.testing.assert_allclose(weights, course[step], rtol=1e-10, atol=1e-14)
        assert training.weights[0, 4] == training.weights[1, 0] == 0.0


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_the_end_is_the_minimiser(loss):
    tokens = tokens_of(60)
    ((_, training),) = descend(tokens, COLORS, 0.3, 0.15, [400], loss)
    minimum = train(tokens, COLORS, 0.3, loss, tolerance=1e-12)
    np.testing.assert_allclose(training.weights, minimum.weights, atol=1e-9)
    assert training.residuals.max() < 1e-9
    assert training.status == "converged"


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_steps_too_long_are_told(momentum):
    tokens = tokens_of(60)
    *_, (_, training) = descend(
        tokens, COLORS, LAM, 4.0, [3, 30], "squared-error", None, None, momentum
    )
    assert set(training.statuses) == {"diverged"}
    *_, (_, lost) = descend(tokens, COLORS, LAM, 40.0, [400], "squared-error")
    assert set(lost.statuses) == {"not-finite"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", 0.0),
        ("rate", np.nan),
        ("steps", []),
        ("steps", [3, 3]),
        ("steps", [-1, 2]),
        ("steps", [1.5]),
        ("momentum", 1.0),
        ("lam", -1.0),
        ("colors", 2),
        ("rows", [12]),
    ],
    ids=str,
)
def test_wrong_arguments(name, value):
    given = {"tokens": tokens_of(), "colors": COLORS, "lam": LAM, "rate": RATE, "steps": [1]}
    with pytest.raises(ValueError, match=r"is not allowed"):
        descend(**{**given, name: value})
