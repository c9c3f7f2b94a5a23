"""What tells systems apart is the same on every line, and what a resumed table is asked for."""

from __future__ import annotations

import pytest

from replica.problem import GaussianTokens, IndependentTokens, PottsTokens, Problem
from replica.tables import Table
from replica.tables.journal import Journal
from simulations.experiments.average_seeds import average_seeds
from simulations.experiments.grids import experiments
from simulations.experiments.resume import complete, identities
from simulations.experiments.separability import SeparabilityExperiment

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]

DATA = [
    PottsTokens(3, 1.5),
    PottsTokens(4, 1.0, RING),
    IndependentTokens(3, 1.0),
    GaussianTokens(3.0, 2),
    GaussianTokens(3.0, 2, joint=True),
]


def tasks(data, *seeds):
    options = {} if data.name == "gaussian" else {"test_samples": 20}
    problems = [Problem(1.0, lam, data, "squared-error") for lam in (0.1, 1.0)]
    return experiments(problems, [8], seeds, **options)


@pytest.mark.parametrize("data", DATA, ids=lambda data: str(list(data.columns().values())))
def test_lines_tell_the_identity_of_their_experiment(data):
    for task in tasks(data, 3):
        lines, told = task.run(), identities(task)
        assert len(lines) == len(told)
        for line, identity, problem in zip(lines, told, task.problems, strict=True):
            assert line.items() >= identity.items()
            assert identity == {
                "source": "simulation", "loss": "squared-error", **data.columns(),
                "lam": problem.lam, "alpha": 1.0, "sites": 8, "samples": 8, "seed": 3,
            }  # fmt: skip


@pytest.mark.parametrize("data", DATA, ids=lambda data: str(list(data.columns().values())))
@pytest.mark.usefixtures("without_workers")
def test_what_a_journal_holds_is_not_run_again(data, tmp_path, monkeypatch):
    planned = tasks(data, 0, 1)
    points = [point for task in planned for point in identities(task)]

    def journal():
        return Journal("out", tmp_path / "sim.csv", "command", {}, [], points=points)

    with journal() as first:
        complete(first, planned, 1, "first")
    whole = (tmp_path / "sim.csv").read_bytes()
    monkeypatch.setattr(type(planned[0]), "run", None)
    with journal() as again:
        complete(again, planned, 1, "again")
    assert (tmp_path / "sim.csv").read_bytes() == whole


@pytest.mark.usefixtures("without_workers")
def test_systems_that_differ_in_one_parameter_of_their_data_are_two(tmp_path):
    # As joint and separate sequences of one shift.
    planned = [task for data in DATA[3:] for task in tasks(data, 0)]
    with Journal("out", tmp_path / "sim.csv", "command", {}, []) as journal:
        found = complete(journal, planned, 1, "both")
    assert found["joint"].tolist() == [0, 0, 1, 1]
    assert len(set(found["test_loss"])) == 4
    assert len(average_seeds(Table.from_csv(tmp_path / "sim.csv"))) == 4


def test_a_threshold_that_was_found_is_the_sample_ratio():
    (line,) = SeparabilityExperiment(PottsTokens(3, 1.5), 8, 0, 3.0).run()
    found = line["samples"]
    assert {name: line[name] for name in line if name != "status"} == {
        "source": "simulation", "loss": "cross-entropy", "data": "potts", "colors": 3,
        "beta": 1.5, "lam": 0.0, "alpha": found / 8, "sites": 8, "samples": found, "seed": 0,
    }  # fmt: skip
