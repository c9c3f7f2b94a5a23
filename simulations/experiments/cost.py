"""What a run will cost, told before it starts."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from replica.commandline.terminal import cores, say
from simulations.estimators.losses import loss_named
from simulations.experiments.course import CourseExperiment
from simulations.experiments.experiment import Experiment
from simulations.experiments.gaussian import GaussianExperiment
from simulations.experiments.given_rows import RowsExperiment
from simulations.experiments.grids import AnyExperiment
from simulations.experiments.sequences import SequencesExperiment
from simulations.sequences.systems import SNAPSHOTS, SPACING

#: Seconds per elementary step of one core, measured on an x86 server of 2023 with AVX-512:
#: one added coupling, one drawn colour, one exponential of the objective, one added weight.
_COUPLING, _COLOR, _EXPONENTIAL, _WEIGHT = 5e-11, 1.5e-9, 2.5e-9, 2.5e-10

#: Seconds per product and sum of two matrices.
_PRODUCT = 5e-11

#: Rows of static masks are trained one by one, without sharing vector registers; those of dynamic
#: masks average the cross-entropy over points. So many times as long as others they take.
_ALONE, _AVERAGED = 8.0, 20.0

#: Seconds of a row whose sequences are left out in turn: per pair of its weights and component of
#: the logits of a sequence, per weight and sequence, and of the row itself.
_PAIR, _READING, _ROW = 3e-10, 6e-8, 1.5e-3

#: Bytes of a worker with its libraries, and of the arrays that measure observables.
_PROCESS, _MEASURING = 200e6, 150e6

#: Runs shorter than this, in seconds, are not announced.
_LONG = 60.0


def seconds(task: AnyExperiment) -> float:
    """Return about how long an experiment takes on one core, right to a factor of two."""
    if isinstance(task, GaussianExperiment):
        # A row inverts and factors matrices, draws its inputs and multiplies them once more.
        products = task.sites**2 * (4 * task.sites + 2 * _equations(task))
        return (task.rows or task.sites) * products * _PRODUCT
    if isinstance(task, SequencesExperiment):
        per_row = task.samples * (task.data.colors * _EXPONENTIAL + 2 * task.sites * _WEIGHT)
        return _evaluations(task) * per_row + len(task.problems) * _leaving_out(task)
    # Of an average of layers these are the sequences of all, on which as many rows are trained.
    samples = task.size.samples
    sites, colors, rows = task.sites, task.data.colors, task.size.rows
    fresh = -(-task.test_samples // SNAPSHOTS)
    sweeps = samples * task.burn_in + fresh * (task.burn_in + SNAPSHOTS * SPACING)
    sampling = sweeps * sites * (sites * _COUPLING + colors * _COLOR)
    per_row = samples * (colors * _EXPONENTIAL + 2 * sites * _WEIGHT)
    lines = len(task.points) if isinstance(task, CourseExperiment) else len(task.problems)
    tested = lines * ((2 + _spread(task)) * task.test_samples + samples)
    measuring = tested * rows * (sites * _WEIGHT + colors * 8 * _EXPONENTIAL)
    per_row = _evaluations(task) * per_row + len(task.problems) * _leaving_out(task)
    return sampling + rows * per_row + measuring


def memory(task: AnyExperiment) -> float:
    """Return about how many bytes one worker needs at most."""
    if isinstance(task, GaussianExperiment):
        return _PROCESS + 8.0 * task.sites * (3 * _equations(task) + 6 * task.sites)
    if isinstance(task, SequencesExperiment):
        training = 8.0 * task.sites * (30 * len(task.problems) + 3 * task.sites)
        return _PROCESS + _MEASURING + training + _inputs(task)
    rows = len(task.problems) if isinstance(task, RowsExperiment) else task.size.rows
    # The points, slopes and curvature pairs of the minimiser, and three square matrices.
    training = 8.0 * (30 * task.sites * rows + 3 * task.sites**2) + _inputs(task)
    draws = max(1 if p.masking is None else p.masking.draws for p in task.problems)
    tokens = 2.0 * (draws * task.size.samples + task.test_samples) * task.sites
    return _PROCESS + max(_MEASURING, training) + tokens


def announce(tasks: Sequence[AnyExperiment], workers: int | None, label: str) -> None:
    """Tell time and memory of a long run, if stderr is a terminal."""
    workers = min(workers or cores(), len(tasks))
    total = sum(seconds(task) for task in tasks) / workers
    if total < _LONG or not sys.stderr.isatty():
        return
    most = sorted((memory(task) for task in tasks), reverse=True)[:workers]
    say(
        f"{label}: {len(tasks)} systems, about {_duration(total)} with {workers} workers of at "
        f"most {max(most) / 1e9:.1f} GB each"
    )


def _evaluations(task: Experiment | RowsExperiment | SequencesExperiment) -> float:
    """Return how often a row of every problem is evaluated, in units of rows without masks."""
    if isinstance(task, CourseExperiment):
        return task.gradients * len(task.problems)
    total = 0.0
    for problem in task.problems:
        masking, often = problem.masking, 1.0
        if masking is not None and masking.dynamic:
            often = _AVERAGED if problem.loss == "cross-entropy" else 1.0
        elif masking is not None:
            often = max(1.0, _ALONE * masking.rate * masking.draws)
        total += often * loss_named(task.loss(problem)).evaluations
    return total


def _leaving_out(task: Experiment | RowsExperiment | SequencesExperiment) -> float:
    """Return the seconds of a row that is told without fresh sequences."""
    if not task.leave_one_out:
        return 0.0
    components = task.data.colors - 1
    return task.samples * task.sites * (task.sites * components * _PAIR + _READING) + _ROW


def _inputs(task: Experiment | RowsExperiment | SequencesExperiment) -> float:
    """Return the bytes of what sequences that are left out give to the weights of a row."""
    components = task.data.colors - 1
    return 8.0 * task.leave_one_out * task.samples * (5 * task.sites + 4 * components**2)


def _spread(task: Experiment | RowsExperiment) -> int:
    """Return how often layers are measured on each fresh sequence besides their average."""
    layers = getattr(task, "ensemble", None)
    return 0 if layers is None else 3 * (layers + 1)


def _equations(task: GaussianExperiment) -> int:
    return task.samples * task.data.colors


def _duration(total: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0)):
        if total > 2 * length:
            return f"{total / length:.1f} {unit}"
    return f"{max(1, round(total / 60))} minutes"
