"""Averages over seeds: of one ensemble each, and of what could be computed."""

from __future__ import annotations

import numpy as np
import pytest

from replica.problem import GaussianTokens, IndependentTokens, PottsTokens, Problem
from replica.tables import Table
from simulations import average_seeds, simulate_many
from simulations.cli import main

RING = [[1.0, 0.5, 0.0, 0.5], [0.5, 1.0, 0.5, 0.0], [0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 0.5, 1.0]]
#: Of equal row sums and squares, and not circulant.
PAIRS = [[1.0, 0.5, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.5, 1.0]]


def trained(*data, **options) -> Table:
    loss = "squared-error" if isinstance(data[0], GaussianTokens) else "cross-entropy"
    settings = {"rows": 2} if loss == "squared-error" else {"rows": 2, "test_samples": 20}
    problems = [Problem(1.0, 0.1, one, loss) for one in data]
    return simulate_many(problems, [10], range(2), **(settings | options))


@pytest.mark.parametrize(
    "data",
    [
        (PottsTokens(4, 1.0), PottsTokens(4, 1.0, RING), PottsTokens(4, 1.0, PAIRS)),
        (IndependentTokens(3, 1.0), IndependentTokens(3, 2.0)),
        (GaussianTokens(2.6), GaussianTokens(2.6, joint=True)),
        (GaussianTokens(2.6), GaussianTokens(3.0)),
    ],
    ids=["similarity", "coupling_norm", "joint", "shift"],
)
def test_ensembles_are_told_apart_also_in_a_file(data, tmp_path):
    table = trained(*data)
    apart = [average_seeds(trained(one)).lines() for one in data]
    for whole in (table, Table.from_csv(table.to_csv(tmp_path / "table.csv"))):
        found = average_seeds(whole)
        assert found["seeds"].tolist() == [2] * len(data)
        for line, (alone,) in zip(found.lines(), apart, strict=True):
            assert line["test_loss"] == alone["test_loss"]
            assert line["test_loss_stderr"] == alone["test_loss_stderr"]


def test_settings_are_told_apart():
    data = PottsTokens(3, 1.5)
    parts = [
        trained(data),
        *(trained(data, **one) for one in ({"rows": 3}, {"test_samples": 30}, {"burn_in": 61})),
    ]
    found = average_seeds(Table(line for part in parts for line in part.lines()))
    assert found["seeds"].tolist() == [2, 2, 2, 2]


def test_similarity_is_a_column_where_there_is_one():
    assert "similarity" not in PottsTokens(4, 1.0).columns()
    assert "similarity" not in PottsTokens(4, 1.0, np.eye(4)).columns()
    assert PottsTokens(4, 1.0, RING).columns()["similarity"] == "circulant:1;0.5;0;0.5"
    digest = PottsTokens(4, 1.0, PAIRS).columns()["similarity"]
    assert digest.startswith("sha256:")
    minus = (-np.array(PAIRS) * -1.0 + -0.0).tolist()
    assert PottsTokens(4, 1.0, minus).columns()["similarity"] == digest
    other = np.array(PAIRS) + 1e-15 * (np.array(PAIRS) == 0.5)
    assert PottsTokens(4, 1.0, other).columns()["similarity"] != digest


@pytest.mark.parametrize("residual", [{}, {"residual": None, "evaluations": None}])
def test_lines_that_could_not_be_computed_leave_their_status(residual):
    common = {"source": "simulation", "data": "potts", "loss": "cross-entropy", "alpha": 1.0}
    numbers = {"status": "converged", "residual": 1e-9, "evaluations": 7}
    good = [
        common | numbers | {"seed": seed, "test_loss": loss} for seed, loss in enumerate((1.0, 1.5))
    ]
    bad = common | residual | {"seed": 2, "status": "failed: ValueError: no"}
    (line,) = average_seeds(Table([bad, *good])).lines()
    assert line["test_loss"] == pytest.approx(1.25)
    assert line["test_loss_stderr"] == pytest.approx(0.25)
    assert (line["seeds"], line["residual"], line["evaluations"]) == (2, 1e-9, 7)
    assert line["status"] == "failed: ValueError: no"
    (nothing,) = average_seeds(Table([bad])).lines()
    assert (nothing["test_loss"], nothing["residual"], nothing["seeds"]) == (None, None, 0)


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("estimator", [[], ["--estimator", "minimiser"]])
@pytest.mark.usefixtures("without_workers")
def test_an_experiment_that_raised_belongs_to_its_point(lost, estimator, tmp_path, monkeypatch):
    from simulations.experiments.experiment import Experiment

    run = Experiment.run

    def fail(task):
        if task.seed == lost:
            raise ZeroDivisionError("nothing")
        return run(task)

    monkeypatch.setattr(Experiment, "run", fail)
    out = tmp_path / "sim.csv"
    words = "--colors 4 --beta 1 --similarity circulant:1,0.5,0,0.5 --lam 0.1 --alpha 1 --sites 10"
    rest = ["--seeds", "3", "--test-samples", "20", "--workers", "1", "--out", str(out)]
    assert main([*words.split(), *estimator, *rest]) == 1
    (line,) = average_seeds(Table.from_csv(out)).lines()
    assert (line["status"], line["seeds"]) == ("failed: ZeroDivisionError: nothing", 2)
    assert np.isfinite(line["test_loss"])
    assert line["similarity"] == "circulant:1;0.5;0;0.5"
    # The next attempt, by the same command, ends in the table that it would have been.
    monkeypatch.setattr(Experiment, "run", run)
    assert main([*words.split(), *estimator, *rest]) == 0
    whole = tmp_path / "whole.csv"
    assert main([*words.split(), *estimator, *rest[:-1], str(whole)]) == 0
    assert out.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "table",
    [
        Table([{"source": "theory", "alpha": 1.0, "test_loss": 1.0}]),
        Table([{"source": "theory"}, {"source": "simulation"}]),
        average_seeds(Table([{"source": "simulation", "seed": 0, "test_loss": 1.0}])),
        Table([]),
        [{"source": "simulation"}],
    ],
    ids=["theory", "both", "averages", "empty", "list"],
)
def test_only_seeds_of_simulations_are_averaged(table):
    with pytest.raises(ValueError, match=r"^table = .* is not allowed: .* one line per seed"):
        average_seeds(table)


@pytest.mark.usefixtures("without_workers")
def test_tables_put_together_count_each_system_once(tmp_path):
    """`--seeds 4` and `--seeds 8` are eight systems, also where one of them failed at first."""
    words = "--colors 3 --beta 1.5 --lam 0.1,1 --alpha 1 --sites 10 --rows 2 --test-samples 20"
    parts = []
    for seeds in (4, 8):
        out = tmp_path / f"{seeds}.csv"
        assert main([*words.split(), f"--seeds={seeds}", "--workers=1", f"--out={out}"]) == 0
        parts.append(Table.from_csv(out))
    few, many = (list(part.lines()) for part in parts)
    losses = parts[1].where(lam=0.1)["test_loss"]
    few[0] = few[0] | {"status": "failed: ValueError: no", "test_loss": None}
    for lines in ([*few, *many], [*many, *few], [*many, *many, *few]):
        found = average_seeds(Table(lines))
        assert found.lines() == average_seeds(parts[1]).lines()
        assert found["seeds"].tolist() == [8, 8]
        assert found["test_loss"][0] == pytest.approx(np.mean(losses))
        assert found["test_loss_stderr"][0] == pytest.approx(np.std(losses, ddof=1) / np.sqrt(8))


SYSTEM = {
    "source": "simulation",
    "data": "potts",
    "loss": "cross-entropy",
    "colors": 3,
    "beta": 1.0,
}
SYSTEM |= {
    "lam": 0.1,
    "alpha": 1.0,
    "sites": 10,
    "seed": 3,
    "test_loss": 1.2,
    "status": "converged",
}


@pytest.mark.parametrize(
    ("change", "seeds"),
    [
        ({}, [1]),
        ({"residual": 1e-9, "evaluations": 4, "note": "again"}, [1]),
        ({"test_loss": 1.2 * (1 + 1e-12)}, [1]),
        ({"estimator": "minimiser"}, [1]),
        ({"colors": 3.0, "seed": 3.0}, [1]),
        ({"seed": 4}, [2]),
        *(({name: value}, [1, 1]) for name, value in {
            "loss": "squared-error", "beta": 1.5, "lam": 0.2, "alpha": 2.0, "sites": 11,
            "samples": 11, "rows": 5, "test_samples": 9, "burn_in": 7, "estimator": "amp",
            "similarity": "circulant:1;0.5;0.5"}.items()),
    ],
)  # fmt: skip
def test_what_identifies_a_system(change, seeds):
    assert average_seeds(Table([SYSTEM, SYSTEM | change])).lines()[0]["seeds"] == seeds[0]
    assert average_seeds(Table([SYSTEM, SYSTEM | change]))["seeds"].tolist() == seeds


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"test_loss": 1.21}, "test_loss = 1.2 and 1.21"),
        ({"test_loss": None}, "test_loss = 1.2 and None"),
        ({"m": 0.5}, "m = None and 0.5"),
        ({"status": "max-steps"}, "status = converged and max-steps"),
    ],
)
def test_two_results_of_one_system_are_refused(change, told):
    with pytest.raises(ValueError, match=r"^table = [^\n]*$") as refused:
        average_seeds(Table([SYSTEM, SYSTEM | change]))
    assert f"beta = 1.0, lam = 0.1, alpha = 1.0, sites = 10, seed = 3 has {told}" in str(
        refused.value
    )


def test_systems_without_a_seed_are_told_apart_by_their_numbers():
    nameless = SYSTEM | {"seed": None}
    lines = [nameless, nameless | {"test_loss": 1.3}, nameless]
    (line,) = average_seeds(Table(lines)).lines()
    assert (line["seeds"], line["test_loss"]) == (2, pytest.approx(1.25))
