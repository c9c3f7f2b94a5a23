"""Rows trained by gradient descent on sampled sequences, beside dynamical mean field theory."""

from __future__ import annotations

import numpy as np
import pytest

from replica import IndependentTokens, PottsTokens, Problem, descent
from simulations import IndependentRow, PottsModel, sample
from simulations.estimators.descent import descend
from simulations.experiments.measure import measure

pytestmark = pytest.mark.slow

#: Systems at each number of sites.
SEEDS = {40: 24, 80: 12}
STEPS = [1, 4, 20]
OBSERVABLES = ("test_loss", "train_loss", "m", "q")


Sampled = tuple[PottsModel | IndependentRow, np.ndarray, np.ndarray]


def sampled(problem: Problem, sites: int, *seeds: int) -> Sampled:
    """Return a model, its training and its test sequences."""
    sources = [np.random.SeedSequence((sites, *seeds, which)) for which in range(3)]
    samples = round(problem.alpha * sites)
    if isinstance(problem.data, IndependentTokens):
        row = IndependentRow.random(problem.data, sites, sources[0])
        return row, row.sample(samples, sources[1]), row.sample(400, sources[2])
    model = PottsModel.random(problem.data, sites, sources[0])
    return model, sample(model, samples, sources[1]), sample(model, 400, sources[2])


def course(problem: Problem, drawn: Sampled, rate: float, momentum: float) -> np.ndarray:
    """Return means over the rows of one system, (steps, observables)."""
    model, tokens, fresh = drawn
    rows = range(len(model.teacher))
    trained = descend(tokens, problem.data.colors, problem.lam, rate, STEPS, problem.loss,
                      rows=rows, momentum=momentum)  # fmt: skip
    measured = (measure(model, training, tokens, fresh, problem.loss) for _, training in trained)
    return np.array([[getattr(x, name).mean() for name in OBSERVABLES] for x in measured])


def system(problem: Problem, sites: int, seed: int, rate: float, momentum: float) -> np.ndarray:
    """Return the means of one system, or of twenty independent rows."""
    number = 20 if isinstance(problem.data, IndependentTokens) else 1
    drawn = (sampled(problem, sites, seed, each) for each in range(number))
    return np.mean([course(problem, each, rate, momentum) for each in drawn], axis=0)


@pytest.mark.parametrize(
    ("problem", "rate", "momentum"),
    [
        (Problem(2.0, 0.1, PottsTokens(2, 1.0)), 0.3, 0.5),
        (Problem(1.5, 0.05, PottsTokens(3, 1.2)), 0.4, 0.0),
        (Problem(2.0, 0.1, PottsTokens(3, 1.5), "squared-error"), 0.15, 0.0),
        (Problem(2.0, 0.1, IndependentTokens(3, 1.5)), 0.4, 0.0),
    ],
    ids=["two", "three", "squared-error", "independent"],
)
def test_a_course_of_trained_systems(problem, rate, momentum):
    """2 x(80) - x(40): of twelve numbers at four standard errors one in 1000 by chance."""
    theory = descent(problem, rate, STEPS[-1], momentum=momentum, paths=10_000)
    short, long = (
        np.array([system(problem, sites, seed, rate, momentum) for seed in range(count)])
        for sites, count in SEEDS.items()
    )
    value = 2 * long.mean(axis=0) - short.mean(axis=0)
    variances = [x.var(axis=0, ddof=1) / len(x) for x in (short, long)]
    error = np.sqrt(4 * variances[1] + variances[0])
    expected = np.array([theory[name][STEPS] for name in OBSERVABLES]).T
    assert error[:, :2].max() < 0.02
    assert (np.abs(value - expected) < 4 * error).all(), (value - expected) / error
