"""The experiments of a grid of problems, sizes and seeds: what shares its data is run together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from replica.problem import DataModel, GaussianTokens, Problem, RowTokens
from replica.validation import integer, invalid
from simulations.experiments.experiment import Experiment
from simulations.experiments.gaussian import GaussianExperiment
from simulations.experiments.given_rows import RowsExperiment, row_experiments
from simulations.experiments.sequences import (
    SequencesExperiment,
    is_of_sequences,
    sequence_experiments,
)

#: Whatever is run for a table of simulations.
AnyExperiment = Experiment | GaussianExperiment | RowsExperiment | SequencesExperiment


def experiments(
    problems: Sequence[Problem],
    sites: Sequence[int],
    seeds: Sequence[int],
    **options: Any,
) -> Sequence[AnyExperiment]:
    """Return the experiments of a grid, problems that can share their data together.

    Parameters
    ----------
    problems : sequence of Problem
        What to learn; Gaussian tokens among themselves, and rows of given couplings or of given
        sequences.
    sites, seeds : sequences of int
        Sizes and realisations; rows of a given model have its size, and `sites` are empty.
    **options
        Those of `Experiment`; Gaussian tokens, whose test is exact, take `rows` alone, rows of
        given couplings no `rows`, `estimator`, `ensemble` or `whole_matrix`, and those of given
        sequences `own_loss` and `leave_one_out` alone.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """
    if not isinstance(problems, Sequence) or not all(isinstance(p, Problem) for p in problems):
        raise invalid("problems", problems, "a sequence of Problem")
    sites, seeds = _distinct("sites", sites, 3), _distinct("seeds", seeds, 0)
    if any(is_of_sequences(problem.data) for problem in problems):
        options = {name: value for name, value in options.items() if value is not None}
        for name, value in [("sites", sites or False), *options.items()]:
            if value is not False and name not in ("own_loss", "leave_one_out"):
                raise invalid(name, value, "left out for rows of given sequences")
        return sequence_experiments(problems, seeds, **options)
    if any(isinstance(problem.data, RowTokens) for problem in problems):
        for name, value in [("sites", sites or None), *options.items()]:
            if value is not None and name in ("sites", "rows", "estimator", "ensemble"):
                raise invalid(name, value, "left out for rows of a given model")
        if options.pop("whole_matrix", False):
            raise invalid("whole_matrix", True, "False for rows of a given model")
        return row_experiments(problems, seeds, **options)
    if problems and not sites:
        raise invalid("sites", sites, "one length or more")
    if any(isinstance(problem.data, GaussianTokens) for problem in problems):
        rows = options.pop("rows", None)
        for name, value in options.items():
            raise invalid(name, value, "left out for Gaussian tokens")
        return [
            GaussianExperiment(problem, size, seed, rows)
            for size in sites
            for problem in problems
            for seed in seeds
        ]
    together: dict[tuple[DataModel, float], list[Problem]] = {}
    for problem in problems:
        together.setdefault((problem.data, problem.alpha), []).append(problem)
    return [
        Experiment(tuple(group), size, seed, **options)
        for size in sites
        for group in together.values()
        for seed in seeds
    ]


def _distinct(name: str, values: Any, least: int) -> list[int]:
    """Return integers of which none comes twice: the same system is no other measurement."""
    if not isinstance(values, Iterable):
        raise invalid(name, values, "a sequence of integers")
    listed = [integer(name, value, least) for value in values]
    if len(set(listed)) < len(listed):
        again = next(value for value in listed if listed.count(value) > 1)
        raise invalid(name, listed, f"integers of which none comes twice, as {again} does")
    return listed
