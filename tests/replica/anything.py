"""Random problems and command lines for Hypothesis, and what every answer must obey."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from replica import (
    CustomTokens,
    GaussianTokens,
    ParamagnetWarning,
    PottsTokens,
    Problem,
    Solution,
    solve,
)
from replica.spectrum import spectrum_of

LOSSES = ("cross-entropy", "squared-error")


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


COLORS = log_uniform(2, 200.99).map(int)
LAM = st.one_of(st.just(0.0), log_uniform(1e-8, 1e3), log_uniform(1e-8, 1e3))


@st.composite
def potts(draw: st.DrawFn) -> PottsTokens:
    colors = draw(COLORS)
    return PottsTokens(colors, draw(st.floats(0.0, 1.2)) * colors)


@st.composite
def similar(draw: st.DrawFn) -> PottsTokens:
    """Circulant similarities whose fields have at most three dimensions."""
    colors = draw(st.integers(2, 4))
    half = [draw(st.floats(-1.0, 1.0)) for _ in range(colors // 2)]
    first = [1.0, *half, *half[: (colors - 1) // 2][::-1]]
    matrix = np.array([np.roll(first, i) for i in range(colors)])
    return PottsTokens(colors, draw(st.floats(0.0, 0.6)) * colors, matrix)


@st.composite
def gaussian(draw: st.DrawFn) -> GaussianTokens:
    return GaussianTokens(draw(st.floats(1.5, 100.0)), draw(st.integers(1, 50)))


@st.composite
def custom(draw: st.DrawFn) -> CustomTokens:
    size = draw(st.integers(1, 6))
    numbers = st.lists(log_uniform(1e-3, 10.0), min_size=size, max_size=size)
    return CustomTokens.from_spectrum(
        draw(numbers), draw(numbers), draw(numbers), draw(COLORS.filter(lambda c: c < 60))
    )


#: Data models by name. Those that refuse their arguments raise inside `draw`.
DATA: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
    "potts": potts,
    "similar": similar,
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
        except ValueError as error:
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


_COMMANDS = ["solve", "sweep", "threshold", "bayes", "stability", "asymptotics"]
_NAMES = ["--colors", "--beta", "--lam", "--alpha", "--loss", "--data", "--shift", "--similarity"]
_VALUES = [
    "optimal", "potts", "gaussian", "custom", "independent", "squared-error", "cross-entropy",
    "few", "many", "2", "3", "5", "1.5", "0.1", "0", "-1", "1e-3", "1e400", "nan", "inf", "1,2,4",
    "0.5:10:3", "0.5:10", "::", ",", "circulant:1,0.5", "circulant:1,0.5,0.5", "circulant:", ".",
    "/", "é", "''", "--log", "--json", "--samples", "--out", "--help",
]  # fmt: skip
_WORDS = st.sampled_from([*_COMMANDS, *_NAMES, *_VALUES])
_OPTIONS = st.lists(st.tuples(st.sampled_from(_NAMES), _WORDS), max_size=4).map(
    lambda pairs: [word for pair in pairs for word in pair]
)
_SOUND = st.just(["--colors", "3", "--beta", "1", "--lam", "0.1", "--alpha", "1"])

#: Sound command lines with some words changed, and word salad.
COMMAND_LINES = st.one_of(
    st.lists(_WORDS, max_size=8),
    st.tuples(
        st.sampled_from(_COMMANDS),
        _SOUND,
        _OPTIONS,
        st.lists(_WORDS, max_size=1),
    ).map(lambda parts: [parts[0], *parts[1], *parts[2], *parts[3]]),
    st.lists(st.text(max_size=12), max_size=5),
)
