"""Random problems and command lines for Hypothesis, and what every answer must obey."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
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
from replica.ensembles import ensemble_of
from replica.errors import BadArgument

LOSSES = ("cross-entropy", "squared-error")


class Numbers:
    """Numbers of one example: all of them spread evenly, or as Hypothesis likes them.

    It likes ends, round numbers and repetitions, and varies examples that it has tried.
    """

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any], spread: bool) -> None:
        self.draw, self._spread = draw, spread
        self._rng = random.Random(draw(st.binary(min_size=16, max_size=16)))

    def uniform(self, low: float, high: float) -> float:
        return self._rng.uniform(low, high) if self._spread else self.draw(st.floats(low, high))

    def log_uniform(self, low: float, high: float) -> float:
        return math.exp(self.uniform(math.log(low), math.log(high)))

    def integer(self, low: int, high: int) -> int:
        return self._rng.randint(low, high) if self._spread else self.draw(st.integers(low, high))

    def one_of(self, values: Sequence[Any]) -> Any:
        return values[self.integer(0, len(values) - 1)]

    def colors(self, most: int = 200) -> int:
        return int(self.log_uniform(2, most + 0.99))

    def lam(self) -> float:
        return self.log_uniform(1e-8, 1e3) if self.integer(0, 2) else 0.0


def potts(n: Numbers) -> PottsTokens:
    colors = n.colors()
    return PottsTokens(colors, n.uniform(0.0, 1.2) * colors)


def similar(n: Numbers) -> PottsTokens:
    """Circulant similarities whose fields have at most three dimensions."""
    colors = n.integer(2, 4)
    half = [n.uniform(-1.0, 1.0) for _ in range(colors // 2)]
    first = [1.0, *half, *half[: (colors - 1) // 2][::-1]]
    matrix = np.array([np.roll(first, i) for i in range(colors)])
    return PottsTokens(colors, n.uniform(0.0, 0.6) * colors, matrix)


def independent(n: Numbers) -> IndependentTokens:
    return IndependentTokens(n.colors(), n.log_uniform(1e-3, 30.0))


def gaussian(n: Numbers) -> GaussianTokens:
    shift = n.uniform(1.5, 100.0) if n.integer(0, 1) else 2.0 + n.log_uniform(1e-9, 100.0)
    return GaussianTokens(shift, n.integer(1, 50), bool(n.integer(0, 1)))


def custom(n: Numbers) -> CustomTokens:
    size, colors = n.integer(1, 6), n.colors(60)

    def numbers() -> list[float]:
        return [n.log_uniform(1e-3, 10.0) for _ in range(size)]

    if n.integer(0, 1):
        return CustomTokens.from_spectrum(numbers(), numbers(), numbers(), colors)
    root = np.random.default_rng(n.integer(0, 2**32)).standard_normal((size + 1, size + 1))
    whole = root @ np.diag([*numbers(), 1.0]) @ root.T + 1e-3 * np.eye(size + 1)
    covariance = cavity_covariance(0.5 * (whole + whole.T), n.integer(0, size))
    return CustomTokens.from_covariance(covariance, numbers(), colors)


#: Data models by name. Those that refuse their arguments raise in the making.
DATA: dict[str, Callable[[Numbers], Any]] = {
    model.__name__: model for model in (potts, similar, independent, gaussian, custom)
}


def attempt(
    model: str, draw: Callable[[st.SearchStrategy[Any]], Any], spread: bool
) -> tuple[str, Any]:
    """Draw a problem, solve it, and return ("refused" | status, solution or message)."""
    n = Numbers(draw, spread)
    alpha, lam, loss = n.log_uniform(1e-3, 1e4), n.lam(), n.one_of(LOSSES)
    if model == "similar":
        # Nearly separable data take Sobol points and minutes.
        lam = max(lam, 1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParamagnetWarning)
        try:
            problem = Problem(alpha, lam, DATA[model](n), loss)
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
    rho = ensemble_of(data).spectrum.rho
    if not solution.residual < 1e-9:
        broken.append(f"residual {solution.residual}")
    if not solution.train_loss <= solution.test_loss * (1 + allowed):
        broken.append("training loss above test loss")
    if not solution.optimal_loss <= solution.test_loss * (1 + allowed) + 1e-15:
        broken.append("test loss below the optimal loss")
    if problem.loss == "cross-entropy":
        between = [solution.optimal_loss, solution.calibrated_loss, solution.test_loss]
        if not (np.diff(between) >= -allowed * solution.test_loss - 1e-15).all():
            broken.append(f"calibrated loss {solution.calibrated_loss} not between the others")
    if not (values["m"] ** 2 <= values["q"] * rho * (1 + allowed) + 1e-290).all():
        broken.append("m² above q ρ")
    if not (values["V"] >= 0).all() or not (values["q"] >= 0).all():
        broken.append("negative V or q")
    if ensemble_of(data).spectrum.teacher_norm2 > 0 and not solution.coupling_error >= 0:
        broken.append(f"coupling error {solution.coupling_error}")
    guesses = problem.data.name != "gaussian"
    if guesses and not -allowed <= solution.error_rate <= 1 - 1 / data.colors + allowed:
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
    "0.5:10", "::", ",", "circulant:1,0.5", "circulant:1,0.5,0.5", "circulant:", "1_0",
]  # fmt: skip
_WORDS = [
    *_NUMBERS, "optimal", "potts", "gaussian", "custom", "independent", "squared-error",
    "cross-entropy", "few", "many", "naive-mean-field", "quadratic", "list", "overlay", "test_loss",
    ".", "/proc/nowhere/t.csv", "t.csv", "t.json", "é", "\0", "''", "--log", "--json", "--joint",
    "--help", "--version", "--leave-one-out",
]  # fmt: skip

#: Options, and values that most commands with them allow.
_DATA = {
    "--colors": ["2", "3", "4", "7"], "--beta": ["0.3", "1", "1.9", "-0.5"],
    "--lam": ["0", "1e-3", "3"], "--alpha": ["0.2", "3", "2,1", "1:3:2", "40"],
    "--loss": ["cross-entropy", "squared-error"], "--data": ["potts"],
    "--similarity": ["circulant:1,0.2,0.2"], "--shift": ["3"], "--coupling-norm": ["1"],
    "--covariance": ["t.txt"], "--teacher": ["t.txt"],
}  # fmt: skip
_POTTS = ["--colors", "3", "--beta", "1"]
_REST = ["--lam", "0.1", "--alpha", "1"]
_SOUND = [*_POTTS, *_REST]
_OTHER_DATA = [
    ["--data", "gaussian", "--shift", "2.5", *_REST],
    ["--data", "independent", "--colors", "3", "--coupling-norm", "1.5", *_REST],
]

#: Tables that lie ready for the figures.
TABLES = {
    "theory.csv": ("replica", ["sweep", *_SOUND]),
    "sim.csv": ("replica-simulate", [*_SOUND, "--sites", "6", "--workers", "1"]),
}

#: By program: options with fitting values, and what follows each command in a sound line.
_PROGRAMS: dict[str, tuple[dict[str, list[str]], list[tuple[str, list[str]]]]] = {
    "replica": (
        {
            **_DATA, "--samples": ["few", "many"], "--out": ["t.csv"],
            "--estimator": ["quadratic", "naive-mean-field"], "--steps": ["2"], "--workers": ["1"],
            "--excess-loss": ["0.01"], "--error-rate": ["0.4"], "--ensemble": ["2", "inf"],
            "--spike": ["0", "1.2"], "--density": ["d.csv"],
        },
        [
            ("solve", _SOUND),
            *(("solve", other) for other in _OTHER_DATA),
            ("sweep", _SOUND),
            *(("sweep", other) for other in _OTHER_DATA),
            ("threshold", _POTTS),
            ("required-alpha", [*_POTTS, "--lam", "0.1", "--excess-loss", "0.1"]),
            ("bayes", [*_POTTS, "--alpha", "1"]),
            ("stability", _SOUND),
            ("asymptotics", [*_SOUND, "--samples", "many"]),
            ("baseline", [*_SOUND, "--estimator", "quadratic"]),
            ("evolve", [*_SOUND, "--steps", "3"]),
            ("spectrum", _SOUND),
        ],
    ),
    "replica-simulate": (
        {
            **_DATA, "--sites": ["5", "4,7"], "--seeds": ["2"], "--seed": ["3"], "--rows": ["2"],
            "--test-samples": ["20"], "--burn-in": ["10"], "--estimator": ["quadratic", "amp"],
            "--out": ["u.csv"], "--ensemble": ["2"],
        },
        [
            ("", [*options, "--sites", "6", "--workers", "1", "--out", "t.csv"])
            for options in (_SOUND, *_OTHER_DATA)
        ],
    ),
    # Other names of figures take minutes.
    "replica-figures": (
        {"--x": ["alpha", "lam"], "--y": ["test_loss", "m", "error_rate"], "--out": ["."]},
        [("list", []), ("overlay", [*TABLES, "--y", "test_loss", "--out", "."])],
    ),
}  # fmt: skip


@st.composite
def command_lines(draw: st.DrawFn, program: str) -> list[str]:
    """Sound command lines, alone or with some words changed, and word salad."""
    options, sound = _PROGRAMS[program]
    words = st.sampled_from([*_WORDS, *{name for name, _ in sound if name}, *options])
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return draw(st.lists(words, max_size=8))
    if kind == 1:
        return draw(st.lists(st.text(max_size=12), max_size=5))
    command, line = draw(st.sampled_from(sound))
    changed = []
    for option in draw(st.lists(st.sampled_from(list(options)), max_size=3)):
        changed += [option, draw(st.sampled_from(options[option]) if kind > 2 else words)]
    return [*filter(None, [command]), *line, *changed]


def clear(folder: Path) -> None:
    """Remove whatever commands left there, except the tables that lie ready."""
    for path in folder.iterdir():
        if path.is_file() and path.with_suffix(".csv").name not in TABLES:
            path.unlink()
