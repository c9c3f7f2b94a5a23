from __future__ import annotations

import numpy as np
import pytest

from replica import GaussianTokens, IndependentTokens, PottsTokens, Problem
from simulations import attention_map, average_seeds, read_map, simulate, simulate_many
from simulations.cli import main
from simulations.experiments.experiment import Experiment
from simulations.sequences.systems import Size, systems

CELLS = ("outlier", "overlap", "pca_outlier", "pca_overlap", "symmetrised_error", "precision")

PLANTED = Problem(2.0, 0.1, PottsTokens(2, 0.8, spike=1.8))


@pytest.mark.parametrize("loss", ["squared-error", "cross-entropy"])
def test_cells_are_those_of_the_system(loss):
    problem = PLANTED.at(loss=loss)
    line = simulate(problem, 20, seed=3, test_samples=10, whole_matrix=True)
    (system,) = systems(problem.data, Size(20, 40, 10, 20, 60), (3, 20, 40))
    whole = attention_map(system.train_tokens, 2, 0.1, loss)
    found = read_map(whole.attention, system.model, system.train_tokens)
    for name in CELLS:
        assert line[name] == pytest.approx(getattr(found, name), rel=1e-6)
    assert line["coupling_error"] == pytest.approx(found.coupling_error)
    plain = simulate(problem, 20, seed=3, test_samples=10)
    assert {name: line[name] for name in plain} == dict(plain)


@pytest.mark.usefixtures("without_workers")
def test_tables_have_the_columns_and_their_averages(tmp_path):
    table = simulate_many([PLANTED.at(loss="squared-error")], [12], [0, 1, 2], whole_matrix=True,
                          test_samples=10)  # fmt: skip
    averaged = average_seeds(table)
    for name in CELLS:
        assert averaged[name][0] == pytest.approx(table[name].mean())
        assert averaged[f"{name}_stderr"][0] == pytest.approx(table[name].std(ddof=1) / 3**0.5)
    out = tmp_path / "whole.csv"
    command = (
        "--colors 2 --beta 0.8 --spike 1.8 --lam 0.1 --alpha 2 --loss squared-error --sites 12"
    )
    command += f" --seeds 3 --test-samples 10 --whole-matrix --workers 1 --out {out}"
    assert main(command.split()) == 0
    assert type(table).from_csv(out)["overlap"] == pytest.approx(table["overlap"])


def test_without_a_pattern_there_are_no_overlaps():
    line = simulate(PLANTED.at(data=PottsTokens(2, 0.8)), 12, test_samples=10, whole_matrix=True)
    assert set(CELLS) - set(line) == {"overlap", "pca_overlap"}
    assert np.isfinite(line["outlier"])


def test_what_is_no_whole_matrix_is_refused():
    for options, name in (({"rows": 3}, "rows"), ({"ensemble": 2}, "ensemble")):
        with pytest.raises(ValueError, match=name):
            Experiment((PLANTED,), 12, whole_matrix=True, **options)
    for data, loss in (
        (IndependentTokens(2, 1.0), "cross-entropy"),
        (GaussianTokens(3.0), "squared-error"),
    ):
        with pytest.raises(ValueError, match="whole_matrix"):
            simulate_many([Problem(2.0, 0.1, data, loss)], [12], [0], whole_matrix=True)
    with pytest.raises(ValueError, match="whole_matrix"):
        simulate_many([PLANTED], [12], [0], whole_matrix=True, estimator="one-pass", rate=0.1)
