"""Finite systems of Gaussian tokens: trained by ridge regression, tested exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.immutable import keep
from replica.problem import DataModel, GaussianTokens, Problem
from replica.validation import integer, invalid
from simulations.experiments.identity import identity
from simulations.experiments.unmasked import check_unmasked
from simulations.kernels.one_thread import one_thread
from simulations.sequences.gaussian import (
    Regression,
    cavity_sequences,
    random_precision,
    whole_sequences,
)
from simulations.tokens import Floats

#: The gradient, relative to that of w = 0, beyond which a linear system was not solved.
_TOLERANCE = 1e-8


@dataclass(frozen=True)
class GaussianExperiment:
    """One system of Gaussian tokens: C independent colours of one covariance.

    Every row is a ridge regression, solved as a linear system; without weight decay and with
    fewer equations than unknowns it is the shortest solution. The covariance of the sites is
    known, so that the expectations over fresh sequences are exact. Drawn without the masked
    site, every row has sequences of its own; whole sequences serve all rows.

    Parameters
    ----------
    problem : Problem
        What to learn, of Gaussian tokens; M is the integer nearest to α L.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of precision matrix and sequences, 0 or greater.
    rows : int, optional
        Rows that are trained, of sites 0 to rows - 1; None is all.
    """

    problem: Problem
    sites: int
    seed: int = 0
    rows: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.problem, Problem):
            raise invalid("problem", self.problem, "a Problem")
        for name, minimum in (("sites", 3), ("seed", 0)):
            keep(self, **{name: integer(name, getattr(self, name), minimum)})
        if self.rows is not None and integer("rows", self.rows, 1) > self.sites:
            raise invalid("rows", self.rows, f"an integer from 1 to sites = {self.sites}")
        if not isinstance(self.problem.data, GaussianTokens):
            raise invalid("data", self.problem.data, "GaussianTokens")
        if self.problem.bias:
            raise invalid("bias", True, "False for Gaussian tokens, of mean zero")
        check_unmasked(self.problem)
        if self.samples < 1:
            least = 0.5 / self.sites
            allowed = f"above {least:.3g} at sites = {self.sites}, to give one sample or more"
            raise invalid("alpha", self.problem.alpha, allowed)

    @property
    def problems(self) -> tuple[Problem]:
        """The problem, as `Experiment` has several."""
        return (self.problem,)

    @property
    def data(self) -> DataModel:
        """What the sequences are."""
        return self.problem.data

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problem.alpha * self.sites)

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table."""
        data = self.problem.data
        assert isinstance(data, GaussianTokens)
        content = (self.seed, self.sites, self.samples, data.colors, _bits(data.shift))
        rng = np.random.default_rng(np.random.SeedSequence(content))
        precision = random_precision(data.shift, self.sites, rng)
        rows = range(self.sites if self.rows is None else self.rows)
        draw = whole_sequences if data.joint else cavity_sequences
        decay = self.sites * self.problem.lam
        observed = [
            _observe(regression, decay, data.colors)
            for regression in draw(precision, self.samples * data.colors, rows, rng)
        ]
        means = {name: float(np.mean([row[name] for row in observed])) for name in observed[0]}
        means["coupling_error"] = means.pop("distance2") / means.pop("teacher2")
        residual = max(row["residual"] for row in observed)
        return [
            {
                **identity(self.problem, self.sites, self.samples, self.seed),
                **means,
                "status": _status(residual),
                "residual": residual,
                "evaluations": 1,
                "rows": len(rows),
            }
        ]


def ridge(inputs: Floats, answers: Floats, decay: float) -> Floats:
    """Return argmin_w ½ |answers - w·inputs|² + (decay/2) |w|².

    Parameters
    ----------
    inputs : array (sites, samples)
        One sequence per column.
    answers : array (samples,)
        What to predict.
    decay : float
        Weight decay times L, 0 or greater; at 0 the shortest minimiser.
    """
    sites, samples = inputs.shape
    if decay == 0:
        return np.asarray(np.linalg.lstsq(inputs.T, answers, rcond=None)[0], dtype=float)
    if samples < sites:
        # The smaller system is regular without weight decay, too.
        overlaps = inputs.T @ inputs + decay * np.eye(samples)
        return np.asarray(inputs @ np.linalg.solve(overlaps, answers), dtype=float)
    gram = inputs @ inputs.T + decay * np.eye(sites)
    return np.asarray(np.linalg.solve(gram, inputs @ answers), dtype=float)


def _observe(regression: Regression, decay: float, colors: int) -> dict[str, float]:
    """Return the observables of one row, exact expectations where sequences are fresh.

    m and q are w*ᵀ G w and wᵀ G w with the covariance G of the others.
    """
    inputs, answers, teacher = regression.inputs, regression.answers, regression.teacher
    w = ridge(inputs, answers, decay)
    error = answers - w @ inputs
    seen, known, missing = regression.whitened(np.column_stack([w, teacher, w - teacher])).T
    optimal = 0.5 * colors * regression.noise
    excess = 0.5 * colors * float(missing @ missing)
    slope = decay * w - inputs @ error
    return {
        "test_loss": optimal + excess,
        "train_loss": 0.5 * colors * float(np.mean(error**2)),
        "optimal_loss": optimal,
        "excess_loss": excess,
        "distance2": float(np.sum((w - teacher) ** 2)),
        "teacher2": float(np.sum(teacher**2)),
        "m": float(known @ seen),
        "q": float(seen @ seen),
        "residual": float(np.linalg.norm(slope) / np.linalg.norm(inputs @ answers)),
    }


def _status(residual: float) -> str:
    if not np.isfinite(residual):
        return "not-finite"
    return "converged" if residual < _TOLERANCE else "max-steps"


def _bits(number: float) -> int:
    return int(np.float64(number).view(np.uint64))
