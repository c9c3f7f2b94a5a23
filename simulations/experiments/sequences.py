"""Rows of given sequences: trained on some of them, and tested on the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.immutable import keep
from replica.problem import DataModel, Problem, RowTokens
from replica.problem.data_model import LossName
from replica.problem.row_sequences import GivenSequences, RowSequences
from replica.validation import integer, invalid
from simulations.estimators.leave_one_out import leave_one_out
from simulations.estimators.losses import loss_named
from simulations.estimators.masked import train_masked
from simulations.estimators.minimiser import Training, train
from simulations.estimators.missing import left_out_with_missing, train_with_missing
from simulations.estimators.objective import Loss
from simulations.estimators.own_loss import OwnLoss, checked_loss
from simulations.estimators.temperature import calibrated_by
from simulations.experiments.calibration import calibration_of_row
from simulations.experiments.identity import identity
from simulations.experiments.left_out import cells_of_row, check_left_out
from simulations.experiments.masked import check_masks, masked_fields, masked_test, with_hidden
from simulations.kernels.one_thread import one_thread
from simulations.sequences.given import Parted, largest_sample, parted
from simulations.sequences.masks import mask_seeds
from simulations.tokens import Floats, Tokens

#: What is measured of the cross-entropy alone.
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
        for problem in self.problems:
            if not is_of_sequences(problem.data):
                raise invalid("data", problem.data, "RowTokens.from_tokens")
            check_masks(problem, self.loss(problem))
            check_left_out(self.leave_one_out, masking=problem.masking)
            if problem.bias and _given(problem).sequences.missing:
                raise invalid("bias", True, "False where tokens are missing")
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
        rows = np.array([_given(problem).row for problem in problems])
        training, observed = self._observed(part, problems[0], rows)
        left = None
        if self.leave_one_out:
            without = left_out_with_missing if sequences.missing else leave_one_out
            first = problems[0]
            how = part.train_tokens, sequences.colors, first.lam, self.loss(first)
            left = without(training, *how, sequences.similarity)
        for place, problem in enumerate(problems):
            yield {
                **identity(problem, self.sites, self.samples, self.seed),
                **{k: float(v[place]) for k, v in observed.items() if k not in _CALIBRATED},
                **calibration_of_row(*(float(observed[name][place]) for name in _CALIBRATED)),
                "status": str(training.statuses[place]),
                "residual": float(training.residuals[place]),
                "evaluations": int(training.evaluations[place]),
                "test_samples": len(part.test_tokens),
                **({} if left is None else cells_of_row(left, place)),
            }

    def _observed(
        self, part: Parted, problem: Problem, rows: NDArray[np.int64]
    ) -> tuple[Training, dict[str, Floats]]:
        """Return trained rows, and what is measured of them."""
        sequences, loss, masking = self._sequences, self.loss(problem), problem.masking
        how = part.train_tokens, sequences.colors, problem.lam
        which = loss, sequences.similarity, rows
        test = _Test(part, _values(sequences, masking is not None), loss_named(loss))
        if masking is None:
            if sequences.missing:
                training = train_with_missing(*how, *which)
            else:
                training = train(*how, *which, bias=problem.bias)
            return training, test.full(training) | {"train_loss": test.train_loss(training)}
        for_training, for_test = mask_seeds((self.seed, self.sites, self.samples))
        training, train_loss = train_masked(*how, masking, *which, for_training, problem.bias)
        masked = test.of(training, masked_test(part.test_tokens, problem, for_test))
        named = {f"masked_{name}": each for name, each in masked.items()}
        return training, test.full(training) | {"train_loss": train_loss} | named

    def loss(self, problem: Problem) -> LossName | OwnLoss:
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
        alike = problem.lam, problem.loss_name, problem.bias, problem.masking
        groups.setdefault((*alike, _given(problem).covariance), []).append(place)
    return list(groups.values())


def _values(sequences: GivenSequences, masked: bool) -> Floats:
    """Return U, and a column of zeros for a token that is missing or hidden."""
    U = np.eye(sequences.colors) if sequences.similarity is None else sequences.similarity
    return with_hidden(U) if sequences.missing or masked else U


class _Test(NamedTuple):
    """What rows are tested on, the matrix U with what it makes of missing tokens, and the loss."""

    part: Parted
    values: Floats
    loss: Loss

    def full(self, training: Training) -> dict[str, Floats]:
        """Return test loss, error rate and what the best temperature makes of every row."""
        found, tokens, weights = [], self.part.test_tokens, self.part.test_weights
        for block in self._blocks(training):
            fields = masked_fields(training, block, tokens, self.values)
            shown = np.eye(len(self.values))[tokens[:, training.rows[block]]]
            found.append(calibrated_by(self.loss, fields, shown, weights))
        whole = (np.concatenate(each) for each in zip(*found, strict=True))
        return self.of(training, tokens) | dict(zip(_CALIBRATED, whole, strict=True))

    def of(self, training: Training, inputs: Tokens) -> dict[str, Floats]:
        """Return the same of rows that see `inputs` in the place of the sequences."""
        losses, errors = [], []
        for block in self._blocks(training):
            fields = masked_fields(training, block, inputs, self.values)
            shown = self.part.test_tokens[:, training.rows[block]]
            expected = self.loss.expected(fields, np.eye(len(self.values))[shown])
            losses.append(self.part.test_weights @ expected)
            errors.append(self.part.test_weights @ (fields.argmax(axis=-1) != shown))
        return {"test_loss": np.concatenate(losses), "error_rate": np.concatenate(errors)}

    def train_loss(self, training: Training) -> Floats:
        """Return the training loss of every row."""
        found, tokens = [], self.part.train_tokens
        for block in self._blocks(training):
            fields = masked_fields(training, block, tokens, self.values)
            shown = np.eye(len(self.values))[tokens[:, training.rows[block]]]
            found.append(self.loss.expected(fields, shown).mean(axis=0))
        return np.concatenate(found)

    def _blocks(self, training: Training) -> Iterator[slice]:
        """Yield parts of the rows that fit into memory together."""
        most = max(len(self.part.train_tokens), len(self.part.test_tokens))
        step = max(1, _LARGEST // (len(self.values) * most))
        for first in range(0, len(training.rows), step):
            yield slice(first, first + step)
