"""Random problems and command lines for Hypothesis, and what every answer must obey."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from replica import (
    CustomTokens,
    GaussianTokens,
    IndependentTokens,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    Solution,
    bayes_bound,
    cavity_covariance,
    solve,
)
from replica.arguments import BadArgument
from replica.spectrum import spectrum_of

LOSSES = ("cross-entropy", "squared-error")


def uniform(low: float, high: float) -> st.SearchStrategy[float]:
    """Hypothesis likes ends, round and repeated numbers; half of these are spread evenly."""
    spread = st.binary(min_size=8, max_size=8).map(lambda b: random.Random(b).uniform(low, high))
    return st.one_of(st.floats(low, high), spread)


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return uniform(math.log(low), math.log(high)).map(math.exp)


COLORS = log_uniform(2, 200.99).map(int)
LAM = st.one_of(st.just(0.0), log_uniform(1e-8, 1e3), log_uniform(1e-8, 1e3))


@st.composite
def potts(draw: st.DrawFn) -> PottsTokens:
    colors = draw(COLORS)
    return PottsTokens(colors, draw(uniform(0.0, 1.2)) * colors)


@st.composite
def similar(draw: st.DrawFn) -> PottsTokens:
    """Circulant similarities whose fields have at most three dimensions."""
    colors = draw(st.integers(2, 4))
    half = [draw(uniform(-1.0, 1.0)) for _ in range(colors // 2)]
    first = [1.0, *half, *half[: (colors - 1) // 2][::-1]]
    matrix = np.array([np.roll(first, i) for i in range(colors)])
    return PottsTokens(colors, draw(uniform(0.0, 0.6)) * colors, matrix)


@st.composite
def independent(draw: st.DrawFn) -> IndependentTokens:
    return IndependentTokens(draw(COLORS), draw(log_uniform(1e-3, 30.0)))


@st.composite
def gaussian(draw: st.DrawFn) -> GaussianTokens:
    shift = draw(st.one_of(st.floats(1.5, 100.0), log_uniform(1e-9, 100.0).map(lambda x: 2 + x)))
    return GaussianTokens(shift, draw(st.integers(1, 50)), draw(st.booleans()))


@st.composite
def custom(draw: st.DrawFn) -> CustomTokens:
    size, colors = draw(st.integers(1, 6)), draw(log_uniform(2, 60).map(int))
    numbers = st.lists(log_uniform(1e-3, 10.0), min_size=size, max_size=size)
    if draw(st.booleans()):
        return CustomTokens.from_spectrum(draw(numbers), draw(numbers), draw(numbers), colors)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    root = rng.standard_normal((size + 1, size + 1))
    whole = root @ np.diag([*draw(numbers), 1.0]) @ root.T + 1e-3 * np.eye(size + 1)
    covariance = cavity_covariance(0.5 * (whole + whole.T), draw(st.integers(0, size)))
    return CustomTokens.from_covariance(covariance, draw(numbers), colors)


#: Data models by name. Those that refuse their arguments raise inside `draw`.
DATA: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "potts": potts,
    "similar": similar,
    "independent": independent,
    "gaussian": gaussian,
    "custom": custom,
}


def attempt(model: str, draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, Any]:
    """Draw a problem, solve it, and return ("refused" | status, solution or message)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamagnetWarning)
        alpha, lam, loss = draw(log_uniform(1e-3, 1e4)), draw(LAM), draw(st.sampled_from(LOSSES))
        if model == "similar":
            # Nearly separable data take Sobol points and minutes.
            lam = max(lam, 1e-3)
        try:
            problem = Problem(alpha, lam, draw(DATA[model]()), loss)
            solution = solve(problem, check=False)
        except BadArgument as error:
            return "refused", str(error)
    return solution.status, solution


def violations(solution: Solution) -> list[str]:
    """Return which inequalities a converged solution breaks."""
    problem, data = solution.problem, solution.problem.data
    allowed = 1e-9 + 3 * solution.quadrature_error
    values = {
        name: np.atleast_1d(getattr(solution, name))
        for name in ("m", "q", "V", "test_loss", "train_loss", "optimal_loss")
    }
    broken = [
        f"{name} is not finite" for name, value in values.items() if not np.isfinite(value).all()
    ]
    rho = spectrum_of(data).rho
    if not solution.residual < 1e-9:
        broken.append(f"residual {solution.residual}")
    if not solution.quadrature_error < 1e-2:
        broken.append(f"quadrature error {solution.quadrature_error}")
    if not solution.train_loss <= solution.test_loss * (1 + allowed):
        broken.append("training loss above test loss")
    if not solution.optimal_loss <= solution.test_loss * (1 + allowed) + 1e-15:
        broken.append("test loss below the optimal loss")
    if not (values["m"] ** 2 <= values["q"] * rho * (1 + allowed) + 1e-290).all():
        broken.append("m² above q ρ")
    if not (values["V"] >= 0).all() or not (values["q"] >= 0).all():
        broken.append("negative V or q")
    if spectrum_of(data).teacher_norm2 > 0 and not solution.coupling_error >= 0:
        broken.append(f"coupling error {solution.coupling_error}")
    guesses = problem.data.name != "gaussian"
    # What the Sobol points of the error rate of several modes may be off by.
    slack = allowed + (1e-4 if getattr(data, "similarity", None) is not None else 0.0)
    if guesses and not -slack <= solution.error_rate <= 1 - 1 / data.colors + slack:
        broken.append(f"error rate {solution.error_rate}")
    return broken


def beyond_bayes(solution: Solution) -> list[str]:
    """Return in what a converged solution for Potts tokens is better than can be."""
    problem = solution.problem
    bound, later = (bayes_bound(factor * problem.alpha, problem.data) for factor in (1, 2))
    allowed = 1e-9 + 3 * (solution.quadrature_error + bound.quadrature_error)
    broken = []
    if problem.loss == "cross-entropy":
        if not bound.test_loss <= solution.test_loss * (1 + allowed):
            broken.append(f"test loss below the Bayes bound {bound.test_loss}")
        if not solution.optimal_loss <= later.test_loss * (1 + allowed):
            broken.append(f"Bayes bound {later.test_loss} below the optimal loss")
    if not later.test_loss <= bound.test_loss * (1 + allowed + 3 * later.quadrature_error):
        broken.append("Bayes bound grows with alpha")
    taught = not math.isnan(solution.coupling_error)
    if taught and not bound.coupling_error <= solution.coupling_error * (1 + allowed):
        broken.append(f"coupling error below the Bayes bound {bound.coupling_error}")
    return broken


_NUMBERS = [
    "2", "3", "5", "1.5", "0.1", "0", "-1", "1e-3", "1e400", "nan", "inf", "1,2,4", "0.5:10:3",
    "0.5:10", "::", ",", "circulant:1,0.5", "circulant:1,0.5,0.5", "circulant:",
]  # fmt: skip
_WORDS = [
    *_NUMBERS, "optimal", "potts", "gaussian", "custom", "independent", "squared-error",
    "cross-entropy", "few", "many", "naive-mean-field", "quadratic", "list", "overlay", "test_loss",
    ".", "/nowhere/t.csv", "t.csv", "t.json", "é", "\0", "''", "--log", "--json", "--joint",
    "--help",
]  # fmt: skip
_DATA = ["--colors", "--beta", "--lam", "--alpha", "--loss", "--data", "--shift", "--similarity",
         "--coupling-norm", "--covariance", "--teacher"]  # fmt: skip
_SOUND = ["--colors", "3", "--beta", "1", "--lam", "0.1", "--alpha", "1"]

#: By program: commands, options, and what makes a sound command line of any command.
_PROGRAMS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "replica": (
        ["solve", "sweep", "threshold", "bayes", "stability", "asymptotics", "baseline", "evolve"],
        [*_DATA, "--samples", "--out", "--estimator", "--steps", "--workers"],
        _SOUND,
    ),
    "replica-simulate": (
        [],
        [*_DATA, "--sites", "--seeds", "--seed", "--rows", "--test-samples", "--burn-in",
         "--estimator", "--out"],
        [*_SOUND, "--sites", "6", "--workers", "1", "--out", "t.csv"],
    ),
    # Other names of figures take minutes.
    "replica-figures": (
        ["list", "overlay"],
        ["--x", "--y", "--out"],
        ["t.csv", "t.csv", "--y", "test_loss", "--out", "."],
    ),
}  # fmt: skip


@st.composite
def command_lines(draw: st.DrawFn, program: str) -> list[str]:
    """Sound command lines with some words changed, and word salad."""
    commands, options, sound = _PROGRAMS[program]
    words = st.sampled_from([*_WORDS, *commands, *options])
    pairs = st.lists(st.tuples(st.sampled_from(options), words), max_size=2)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(st.lists(words, max_size=8))
    if kind == 1:
        return draw(st.lists(st.text(max_size=12), max_size=5))
    command = [draw(st.sampled_from(commands))] if commands else []
    changed = [word for pair in draw(pairs) for word in pair]
    return [*command, *sound, *changed, *draw(st.lists(words, max_size=1))]
