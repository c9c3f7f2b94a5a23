"""Rows of given sequences: trained on some of them, and tested on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.immutable import keep
from replica.problem import DataModel, Problem, RowTokens
from replica.problem.row_sequences import GivenSequences, RowSequences
from replica.validation import integer, invalid
from simulations.estimators.leave_one_out import leave_one_out
from simulations.estimators.losses import loss_named
from simulations.estimators.minimiser import Training, train
from simulations.estimators.missing import left_out_with_missing, train_with_missing
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.estimators.temperature import calibrated_by
from simulations.experiments.calibration import calibration_of_row
from simulations.experiments.identity import identity
from simulations.experiments.left_out import cells_of_row, check_left_out
from simulations.experiments.unmasked import check_unmasked
from simulations.kernels.local_fields import local_fields
from simulations.kernels.one_thread import one_thread
from simulations.sequences.given import Parted, largest_sample, parted
from simulations.tokens import Floats

#: What is measured of a row, and what of the cross-entropy alone.
_OBSERVED = "test_loss", "train_loss", "error_rate"
_CALIBRATED = "temperature", "calibrated_loss"

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000


@dataclass(frozen=True)
class SequencesExperiment:
    """Rows of the same sequences, trained on the same of them and tested on all others.

    M = α L different sequences are drawn, each with a probability that is M times its share of all
    weights. Where tokens can be missing every row draws among those that it knows its token of.

    Parameters
    ----------
    problems : tuple of Problem
        Rows of `RowTokens.from_tokens` of the same sequences, at the same α.
    seed : int
        Names the training set, 0 or greater.
    own_loss : OwnLoss, optional
        How to train problems whose loss is of the user's.
    leave_one_out : bool
        Whether losses are told that need no other sequences.
    """

    problems: tuple[Problem, ...]
    seed: int = 0
    own_loss: OwnLoss | None = None
    leave_one_out: bool = False

    def __post_init__(self) -> None:
        keep(self, seed=integer("seed", self.seed, 0))
        check_left_out(self.leave_one_out)
        for problem in self.problems:
            if not is_of_sequences(problem.data):
                raise invalid("data", problem.data, "RowTokens.from_tokens")
            check_unmasked(problem)
            if problem.bias and _given(problem).sequences.missing:
                raise invalid("bias", True, "False where tokens are missing")
            self.loss(problem)
        alike = {(_given(problem).sequences, problem.alpha) for problem in self.problems}
        if len(alike) != 1:
            raise invalid("problems", self.problems, "rows of the same sequences at the same alpha")
        for problem in self.problems:
            given = _given(problem)
            most = largest_sample(given.sequences.counts(given.row))
            if not 1 <= self.samples <= most:
                allowed = (
                    f"from {0.5 / self.sites:.3g} to {most / self.sites:.4g}, as row {given.row} "
                    f"has sequences for, with some left for the test"
                )
                raise invalid("alpha", problem.alpha, allowed)

    @property
    def data(self) -> DataModel:
        """What the sequences are."""
        return self.problems[0].data

    @property
    def sites(self) -> int:
        """L."""
        return self._sequences.sites

    @property
    def samples(self) -> int:
        """M, the integer nearest to α L."""
        return round(self.problems[0].alpha * self.sites)

    @property
    def _sequences(self) -> GivenSequences:
        return _given(self.problems[0]).sequences

    @one_thread
    def run(self) -> list[dict[str, Any]]:
        """Return one line of a table per problem.

        The training set depends on the sequences, the seed and M alone: rows, weight decays and
        losses are compared on the same sequences.
        """
        lines: dict[int, dict[str, Any]] = {}
        for part, together in self._parts():
            for numbers in _alike([self.problems[i] for i in together]):
                places = [together[i] for i in numbers]
                lines |= zip(places, self._trained(part, places), strict=True)
        return [lines[place] for place in range(len(self.problems))]

    def _parts(self) -> Iterator[tuple[Parted, list[int]]]:
        """Yield training and test sets, and which problems have them."""
        sequences, together = self._sequences, dict[bytes, list[int]]()
        for place, problem in enumerate(self.problems):
            counts = sequences.counts(_given(problem).row)
            together.setdefault(counts.tobytes(), []).append(place)
        for weights, places in together.items():
            word = int(sequences.digest, 16)
            seed = np.random.SeedSequence((self.seed, self.samples, word))
            yield parted(sequences, np.frombuffer(weights), self.samples, seed), places

    def _trained(self, part: Parted, places: list[int]) -> Iterator[dict[str, Any]]:
        """Yield the lines of problems that differ in their rows alone."""
        problems, sequences = [self.problems[i] for i in places], self._sequences
        first, rows = problems[0], np.array([_given(problem).row for problem in problems])
        loss, colors = self.loss(first), sequences.colors
        how = part.train_tokens, colors, first.lam, loss, sequences.similarity, rows
        training = train_with_missing(*how) if sequences.missing else train(*how, bias=first.bias)
        left = None
        if self.leave_one_out:
            without = left_out_with_missing if sequences.missing else leave_one_out
            left = without(training, *how[:-1])
        observed = _observed(training, part, _values(sequences), loss_named(loss))
        for place, problem in enumerate(problems):
            yield {
                **identity(problem, self.sites, self.samples, self.seed),
                **{name: float(observed[name][place]) for name in _OBSERVED},
                **calibration_of_row(*(float(observed[name][place]) for name in _CALIBRATED)),
                "status": str(training.statuses[place]),
                "residual": float(training.residuals[place]),
                "evaluations": int(training.evaluations[place]),
                "test_samples": len(part.test_tokens),
                **({} if left is None else cells_of_row(left, place)),
            }

    def loss(self, problem: Problem) -> str | OwnLoss:
        """Return the loss to train with, which for one of the user's is not the theory's object."""
        if isinstance(problem.loss, str):
            return problem.loss
        if self.own_loss is None or checked_loss(self.own_loss).name != problem.loss_name:
            allowed = f"a loss for simulations with the name {problem.loss_name!r} of the problem's"
            raise invalid("own_loss", self.own_loss, allowed)
        return self.own_loss


def sequence_experiments(
    problems: Sequence[Problem], seeds: Sequence[int], **options: Any
) -> list[SequencesExperiment]:
    """Return the experiments of rows of given sequences, those of the same α together."""
    together: dict[tuple[GivenSequences, float], list[Problem]] = {}
    for problem in problems:
        if not is_of_sequences(problem.data):
            raise invalid("problems", problem, "problems of rows of given sequences alone")
        together.setdefault((_given(problem).sequences, problem.alpha), []).append(problem)
    return [
        SequencesExperiment(tuple(group), seed, **options)
        for group in together.values()
        for seed in seeds
    ]


def is_of_sequences(data: DataModel) -> bool:
    """Tell whether data are a row of given sequences."""
    return isinstance(data, RowTokens) and isinstance(data.context, RowSequences)


def _given(problem: Problem) -> RowSequences:
    assert isinstance(problem.data, RowTokens)
    assert isinstance(problem.data.context, RowSequences)
    return problem.data.context


def _alike(problems: list[Problem]) -> list[list[int]]:
    """Return which of the problems can be trained together: each row once."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, problem in enumerate(problems):
        how = problem.lam, problem.loss_name, problem.bias, _given(problem).covariance
        groups.setdefault(how, []).append(place)
    return list(groups.values())


def _values(sequences: GivenSequences) -> Floats:
    """Return U, and a column of zeros for a missing token."""
    U = np.eye(sequences.colors) if sequences.similarity is None else sequences.similarity
    return np.concatenate([U, np.zeros((sequences.colors, int(sequences.missing)))], axis=1)


def _observed(training: Training, part: Parted, values: Floats, loss: Loss) -> dict[str, Floats]:
    """Return the observables of every row."""
    colors = len(values)
    step = max(1, _LARGEST // (colors * max(len(part.train_tokens), len(part.test_tokens))))
    found: list[tuple[Floats, ...]] = []
    for first in range(0, len(training.rows), step):
        block = slice(first, first + step)
        rows = training.rows[block]
        fields = []
        for tokens in (part.train_tokens, part.test_tokens):
            fields.append(local_fields(tokens, training.weights[block], values))
            if training.bias is not None:
                fields[-1] = fields[-1] + training.bias[block]
        train_shown, test_shown = (
            np.eye(colors)[part.train_tokens[:, rows]],
            part.test_tokens[:, rows],
        )
        found.append(
            (
                part.test_weights @ loss.expected(fields[1], np.eye(colors)[test_shown]),
                loss.expected(fields[0], train_shown).mean(axis=0),
                part.test_weights @ (fields[1].argmax(axis=-1) != test_shown),
                *calibrated_by(loss, fields[1], np.eye(colors)[test_shown], part.test_weights),
            )
        )
    whole = (np.concatenate(each) for each in zip(*found, strict=True))
    return dict(zip(_OBSERVED + _CALIBRATED, whole, strict=True))
