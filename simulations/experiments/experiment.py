"""Experiments: sample, train, test, and sum up in one line of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from replica.immutable import keep
from replica.problem import DataModel, Problem
from replica.problem.data_model import LossName
from replica.validation import integer, invalid, one_of, truth
from simulations.estimators.by_name import ESTIMATORS, check_estimator, estimate_rows
from simulations.estimators.leave_one_out import LeftOut, leave_one_out, means_of
from simulations.estimators.minimiser import Training
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.experiments.calibration import calibration_of_rows
from simulations.experiments.ensemble import Spread, averaged, spread
from simulations.experiments.ensemble import cells_of as spread_cells
from simulations.experiments.given_rows import TEST_SAMPLES
from simulations.experiments.identity import identity
from simulations.experiments.left_out import cells_of, check_left_out
from simulations.experiments.masked import check_masks, masked_rows
from simulations.experiments.matrix import check_whole, matrix_cells
from simulations.experiments.measure import Observables, measure
from simulations.kernels.one_thread import one_thread
from simulations.sequences.potts import checked_colors
from simulations.sequences.sampler import BURN_IN
from simulations.sequences.systems import Size, System, systems
from simulations.spread import standard_error
from simulations.tokens import VALUED

#: The most layers of an average.
MOST_LAYERS = 1000


@dataclass(frozen=True)
class Experiment:
    """Problems that share their couplings and sequences.

    Parameters
    ----------
    problems : tuple of Problem
        They may differ in λ and loss; data and α are the same.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of couplings and sequences, 0 or greater.
    rows : int, optional
        Rows that are trained, of sites 0 to rows - 1; None is all. The sites of the random
        couplings are exchangeable, so that these are as good as any.
    test_samples : int
        Fresh sequences for the test, at least 2.
    burn_in : int
        Sweeps before a sequence is taken.
    estimator : str, optional
        How the rows are estimated, see `simulate`.
    own_loss : OwnLoss, optional
        How to train the problems whose loss is of the user's.
    leave_one_out : bool
        Whether losses are told that need no fresh sequences, see `simulations.leave_one_out`.
    ensemble : int, optional
        K, of layers that are trained on M sequences each, whose average is measured.
    whole_matrix : bool
        Whether the rows are read as one matrix, too, see `simulations.read_map`.
    """

    problems: tuple[Problem, ...]
    sites: int
    seed: int = 0
    rows: int | None = None
    test_samples: int = TEST_SAMPLES
    burn_in: int = BURN_IN
    estimator: str | None = None
    own_loss: OwnLoss | None = None
    leave_one_out: bool = False
    ensemble: int | None = None
    whole_matrix: bool = False

    def __post_init__(self) -> None:
        for problem in self.problems:
            if not isinstance(problem, Problem):
                raise invalid("problem", problem, "a Problem")
        for name, minimum in (("sites", 3), ("seed", 0), ("test_samples", 2), ("burn_in", 0)):
            keep(self, **{name: integer(name, getattr(self, name), minimum)})
        if self.ensemble is not None:
            integer("ensemble", self.ensemble, 1, MOST_LAYERS)
            if truth("leave_one_out", self.leave_one_out):
                raise invalid("leave_one_out", True, "False for an average of layers")
        if self.rows is not None and integer("rows", self.rows, 1) > self.sites:
            raise invalid("rows", self.rows, f"an integer from 1 to sites = {self.sites}")
        check_whole(self.whole_matrix, self.data, self.sites, self.rows, self.ensemble)
        for problem in self.problems:
            if problem.data.name not in VALUED:
                allowed = (
                    "PottsTokens or IndependentTokens; simulate_many takes GaussianTokens, too"
                )
                raise invalid("data", problem.data, allowed)
            checked_colors(problem.data.colors)
            check_masks(problem, self.loss(problem))
        if self.own_loss is not None and all(isinstance(p.loss, str) for p in self.problems):
            raise invalid("own_loss", self.own_loss, "None where every loss is known by name")
        if len({(problem.data, problem.alpha) for problem in self.problems}) != 1:
            raise invalid("problems", self.problems, "problems of the same data and alpha")
        if self.samples < 1:
            least = 0.5 / self.sites
            allowed = f"above {least:.3g} at sites = {self.sites}, to give one sample or more"
            raise invalid("alpha", self.problems[0].alpha, allowed)
        if self.samples < 2 and self.leave_one_out:
            raise invalid("leave_one_out", True, "False for one sample, which leaves none")
        for masking in {problem.masking for problem in self.problems}:
            check_left_out(self.leave_one_out, self.estimator, masking)
            if self.ensemble is not None and masking is not None:
                raise invalid("ensemble", self.ensemble, "left out with masks")
        if self.estimator is not None:
            one_of("estimator", self.estimator, ESTIMATORS)
            for problem in self.problems:
                check_estimator(self.estimator, problem, self.sites, self.samples)

    @property
    def data(self) -> DataModel:
        """What the sequences are."""
        return self.problems[0].data

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problems[0].alpha * self.sites)

    @property
    def size(self) -> Size:
        """How much is sampled."""
        rows = self.sites if self.rows is None else self.rows
        samples = self.samples * (self.ensemble or 1)
        return Size(self.sites, samples, self.test_samples, rows, self.burn_in)

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table per problem.

        A line depends on what the data are, their size and the seed, and not on which other
        lines are computed, where, or in which order. Problems that differ in λ or loss alone
        are compared on the same data.

        Warns
        -----
        MixingWarning
            If the burn-in was too short.
        """
        found: list[list[_Rows]] = [[] for _ in self.problems]
        named = self.seed, self.sites, self.samples
        for number, system in enumerate(systems(self.data, self.size, named)):
            for problem, rows in zip(self.problems, found, strict=True):
                rows.append(self._estimated(problem, system, (named, number)))
        return [
            self._line(problem, rows) for problem, rows in zip(self.problems, found, strict=True)
        ]

    def loss(self, problem: Problem) -> LossName | OwnLoss:
        """Return the loss to train with, which for one of the user's is not the theory's object."""
        if isinstance(problem.loss, str):
            return problem.loss
        if self.own_loss is None or checked_loss(self.own_loss).name != problem.loss_name:
            allowed = f"a loss for simulations with the name {problem.loss_name!r} of the problem's"
            raise invalid("own_loss", self.own_loss, allowed)
        return self.own_loss

    def _estimated(
        self, problem: Problem, system: System, named: tuple[tuple[int, ...], int]
    ) -> _Rows:
        chosen, seen = self.estimator or ESTIMATORS[0], (system.train_tokens, system.test_tokens)
        model, loss = system.model, self.loss(problem)
        if problem.masking is not None:
            masked = masked_rows(problem, model, seen, system.rows, loss, *named)
            return _Rows(*masked, None, system.memory, matrix=self._matrix(system, masked[0]))
        how = problem.lam, loss, system.rows, problem.bias
        sets = np.split(seen[0], self.ensemble or 1)
        layers = [estimate_rows(chosen, model, each, *how) for each in sets]
        training, V = layers[0] if len(layers) == 1 else (averaged([t for t, _ in layers]), None)
        observed = measure(model, training, *seen, loss)
        apart = None
        if self.ensemble is not None:
            apart = spread(model, [t for t, _ in layers], observed, seen[1], loss)
        left = None
        if self.leave_one_out:
            what = seen[0], model.colors, problem.lam, loss, model.similarity
            left = leave_one_out(training, *what)
        matrix = self._matrix(system, training)
        return _Rows(training, observed, V, system.memory, left, apart, matrix)

    def _matrix(self, system: System, training: Training) -> dict[str, float]:
        """Return the cells of the rows as one matrix, if that was asked for."""
        return matrix_cells(system, training) if self.whole_matrix else {}

    def _line(self, problem: Problem, parts: list[_Rows]) -> dict[str, Any]:
        training = Training.joined([part.training for part in parts])
        # The column is there only if it was asked for.
        asked = {"estimator": self.estimator, "ensemble": self.ensemble}
        named = {name: value for name, value in asked.items() if value is not None}
        return {
            **identity(problem, self.sites, self.samples, self.seed),
            **_summary(Observables.joined([part.observed for part in parts])),
            **_known(V=parts[0].V),
            "status": training.status,
            "residual": float(training.residuals.max()),
            "evaluations": int(training.evaluations.max()),
            "rows": len(training.rows),
            "test_samples": self.test_samples,
            "burn_in": self.burn_in,
            **named,
            **_known(memory=parts[0].memory),
            **cells_of(means_of([part.left_out for part in parts if part.left_out])),
            **spread_cells([part.apart for part in parts if part.apart]),
            **parts[0].matrix,
        }


class _Rows(NamedTuple):
    """Rows that were estimated together.

    Parameters
    ----------
    training : Training
        The rows.
    observed : Observables
        What is measured of them.
    V : float or None
        The last variance of message passing; None for other estimators.
    memory : float or None
        The memory of the chains; None for sequences that are drawn without any.
    left_out : LeftOut or None
        What they predict of their sequences without these, if that was asked for.
    apart : Spread or None
        How layers differ, if there are several.
    matrix : mapping
        Cells of the rows as one matrix, if that was asked for.
    """

    training: Training
    observed: Observables
    V: float | None
    memory: float | None
    left_out: LeftOut | None = None
    apart: Spread | None = None
    matrix: Mapping[str, float] = MappingProxyType({})


def _known(**cells: float | None) -> dict[str, Any]:
    """Return cells of a line, without those that are not known: the column is then not there."""
    return {name: cell for name, cell in cells.items() if cell is not None}


def _summary(observed: Observables) -> dict[str, float]:
    """Return means over rows and their standard errors; |w - w*|²/|w*|² is a ratio of means."""
    # Where w* = 0 there is no such ratio.
    unit = observed.teacher2.mean() or np.nan
    coupling_error = observed.distance2.mean() / unit
    deviation = observed.distance2 - coupling_error * observed.teacher2
    per_row = {
        "test_loss": observed.test_loss,
        "train_loss": observed.train_loss,
        "optimal_loss": observed.optimal_loss,
        "excess_loss": observed.test_loss - observed.optimal_loss,
        "error_rate": observed.error_rate,
        "coupling_error": coupling_error + deviation / unit,
        "m": observed.m,
        "q": observed.q,
        **observed.masked,
    }
    means = {name: float(np.mean(values)) for name, values in per_row.items()}
    errors = {f"{name}_stderr": float(standard_error(values)) for name, values in per_row.items()}
    return means | errors | calibration_of_rows(observed.temperature, observed.calibrated_loss)
