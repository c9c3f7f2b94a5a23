"""Experiments on rows of one given model: sampled once, and every row a line of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.immutable import keep
from replica.problem import DataModel, Problem, RowTokens
from replica.problem.data_model import LossName
from replica.problem.row_couplings import GivenModel, RowCouplings
from replica.validation import integer, invalid
from simulations.estimators.leave_one_out import leave_one_out
from simulations.estimators.minimiser import Training, train
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.experiments.calibration import calibration_of_row
from simulations.experiments.identity import identity
from simulations.experiments.left_out import cells_of_row, check_left_out
from simulations.experiments.masked import check_masks, masked_rows
from simulations.experiments.measure import Observables, measure
from simulations.kernels.one_thread import one_thread
from simulations.sequences.potts import checked_colors
from simulations.sequences.sampler import BURN_IN
from simulations.sequences.systems import Size, System, given_system

#: Test sequences unless told otherwise.
TEST_SAMPLES = 2000


@dataclass(frozen=True)
class RowsExperiment:
    """Rows of one given model, trained and tested on the same sequences.

    Parameters
    ----------
    problems : tuple of Problem
        Of rows of one model, with one α; they may differ in row, λ, loss and bias.
    seed : int
        Names the sequences, 0 or greater.
    test_samples : int
        Fresh sequences for the test, at least 2.
    burn_in : int
        Sweeps before a sequence is taken.
    own_loss : OwnLoss, optional
        How to train the problems whose loss is of the user's.
    leave_one_out : bool
        Whether losses are told that need no fresh sequences.
    """

    problems: tuple[Problem, ...]
    seed: int = 0
    test_samples: int = TEST_SAMPLES
    burn_in: int = BURN_IN
    own_loss: OwnLoss | None = None
    leave_one_out: bool = False

    def __post_init__(self) -> None:
        for problem in self.problems:
            if not isinstance(problem, Problem) or not _is_row(problem.data):
                raise invalid("problem", problem, "a Problem of a row of given couplings")
            checked_colors(problem.data.colors)
            check_masks(problem, self.loss(problem))
            check_left_out(self.leave_one_out, masking=problem.masking)
        if len({(model_of(problem), problem.alpha) for problem in self.problems}) != 1:
            raise invalid("problems", self.problems, "problems of one model, and of one alpha")
        for name, minimum in (("seed", 0), ("test_samples", 2), ("burn_in", 0)):
            keep(self, **{name: integer(name, getattr(self, name), minimum)})
        if self.samples < 1:
            least = 0.5 / self.sites
            allowed = f"above {least:.3g} at sites = {self.sites}, to give one sample or more"
            raise invalid("alpha", self.problems[0].alpha, allowed)

    @property
    def data(self) -> DataModel:
        """One of the rows."""
        return self.problems[0].data

    @property
    def sites(self) -> int:
        """L, that of the model."""
        return model_of(self.problems[0]).sites

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problems[0].alpha * self.sites)

    @property
    def size(self) -> Size:
        """How much is sampled."""
        return Size(self.sites, self.samples, self.test_samples, 1, self.burn_in)

    def loss(self, problem: Problem) -> LossName | OwnLoss:
        """Return the loss to train with, which for one of the user's is not the theory's object."""
        if isinstance(problem.loss, str):
            return problem.loss
        if self.own_loss is None or checked_loss(self.own_loss).name != problem.loss_name:
            allowed = f"a loss for simulations with the name {problem.loss_name!r} of the problem's"
            raise invalid("own_loss", self.own_loss, allowed)
        return self.own_loss

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table per problem, in their order.

        A line depends on the model, the size and the seed, and not on which other rows are
        trained, nor where.

        Warns
        -----
        MixingWarning
            If the burn-in was too short.
        """
        seed = (self.seed, self.sites, self.samples)
        system = given_system(model_of(self.problems[0]), self.size, seed)
        together: dict[tuple[Any, ...], list[int]] = {}
        for number, problem in enumerate(self.problems):
            how = problem.lam, problem.loss_name, problem.bias, problem.masking
            together.setdefault(how, []).append(number)
        lines: dict[int, dict[str, Any]] = {}
        for numbers in together.values():
            lines.update(zip(numbers, self._trained(numbers, system), strict=True))
        return [lines[number] for number in range(len(self.problems))]

    def _trained(self, numbers: Sequence[int], system: System) -> list[dict[str, Any]]:
        """Return the lines of problems that differ in their rows alone."""
        problems = [self.problems[number] for number in numbers]
        rows = [row_of(problem) for problem in problems]
        loss = self.loss(problems[0])
        model, tokens = system.model, system.train_tokens
        lam, bias = problems[0].lam, problems[0].bias
        left = None
        if problems[0].masking is None:
            trained = train(tokens, model.colors, lam, loss, rows=rows, bias=bias)
            observed = measure(model, trained, tokens, system.test_tokens, loss)
            if self.leave_one_out:
                left = leave_one_out(trained, tokens, model.colors, lam, loss)
        else:
            seen, named = (tokens, system.test_tokens), (self.seed, self.sites, self.samples)
            trained, observed = masked_rows(problems[0], model, seen, rows, loss, named)
        return [
            {
                **identity(problem, self.sites, self.samples, self.seed),
                **_observables(observed, number),
                **_state(trained, number),
                "test_samples": self.test_samples,
                "burn_in": self.burn_in,
                "memory": system.memory,
                **({} if left is None else cells_of_row(left, number)),
            }
            for number, problem in enumerate(problems)
        ]


def row_experiments(
    problems: Sequence[Problem], seeds: Sequence[int], **options: Any
) -> list[RowsExperiment]:
    """Return the experiments of rows of given models, those of one model and one α together."""
    together: dict[tuple[GivenModel, float], list[Problem]] = {}
    for problem in problems:
        if not _is_row(problem.data):
            raise invalid("problems", problem, "problems of rows of given couplings alone")
        together.setdefault((model_of(problem), problem.alpha), []).append(problem)
    return [
        RowsExperiment(tuple(group), seed, **options)
        for group in together.values()
        for seed in seeds
    ]


def model_of(problem: Problem) -> GivenModel:
    """Return the model of which a problem asks for a row."""
    return _context(problem).model


def row_of(problem: Problem) -> int:
    """Return the row that a problem asks for."""
    return _context(problem).row


def _context(problem: Problem) -> RowCouplings:
    assert isinstance(problem.data, RowTokens)
    assert isinstance(problem.data.context, RowCouplings)
    return problem.data.context


def _is_row(data: DataModel) -> bool:
    return isinstance(data, RowTokens) and isinstance(data.context, RowCouplings)


def _observables(observed: Observables, number: int) -> dict[str, float]:
    """Return what was measured of one row."""
    names = ("test_loss", "train_loss", "optimal_loss", "error_rate", "m", "q")
    known = {name: float(getattr(observed, name)[number]) for name in names}
    known |= {name: float(values[number]) for name, values in observed.masked.items()}
    # Where w* = 0 there is no such ratio.
    unit = float(observed.teacher2[number]) or np.nan
    known["excess_loss"] = known["test_loss"] - known["optimal_loss"]
    known["coupling_error"] = float(observed.distance2[number]) / unit
    told = observed.temperature[number], observed.calibrated_loss[number]
    return known | calibration_of_row(*told)


def _state(trained: Training, number: int) -> dict[str, Any]:
    return {
        "status": str(trained.statuses[number]),
        "residual": float(trained.residuals[number]),
        "evaluations": int(trained.evaluations[number]),
    }
