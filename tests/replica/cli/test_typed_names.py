"""Refusals name what was typed, and come before any point is solved, whatever the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from replica import PottsTokens, RowTokens, Table
from replica.cli import main
from replica.ensembles import ensemble_of
from simulations import PottsModel, sample
from simulations.cli import main as simulate

POTTS = {"colors": "3", "beta": "1"}


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.csv"
    tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 6, 3), 200, 5)
    np.savetxt(path, tokens, fmt="%d", delimiter=",")
    return path


def words(**options: str) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def of_tokens(family, **options: str) -> list[str]:
    return words(data="tokens", tokens=str(family), lam="0.1", alpha="1", **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "clustal"}, "format = 'clustal' is not allowed: format must be one of fasta"),
        ({"covariances": "each"}, "covariances = 'each' is not allowed: covariances must be one"),
        ({"alpha": "1e4"}, "alpha = 10000.0 is not allowed: alpha must be 17.07 or less"),
        ({"masking": "dynamic:0.3"}, "masking = 'dynamic:0.3' is not allowed: masking must be"),
        ({"masking": "static:0.3:4"}, "masking = 'static:0.3:4' is not allowed: masking must be"),
        ({"masking": "static"}, "masking = 'static' is not allowed: masking must be static:RATE"),
        ({"masking": "static:2"}, "masking = 'static:2' is not allowed: masking must be static:RA"),
        ({"masking": "optimal"}, "masking = 'optimal' is not allowed: masking must be one of opti"),
    ],
)
@pytest.mark.parametrize("command", ["solve", "sweep"])
def test_options_of_sequences(family, command, options, told, capsys):
    assert main([command, *of_tokens(family, rows="2"), *words(**options)]) == 2
    out, error = capsys.readouterr()
    assert error.startswith(f"replica: {told}")
    assert not out
    assert error.count("\n") == 1


@pytest.mark.parametrize("masking", ["dynamic:0.3", "static:0.3:4", "optimal:dynamic"])
def test_masks_that_no_theory_knows_are_refused_before_a_table_is_begun(masking, tmp_path, capsys):
    out = tmp_path / "table.csv"
    given = words(colors="50", beta="1", lam="0.1", alpha="1,2", masking=masking, out=str(out))
    assert main(["sweep", *given]) == 2
    assert "is not allowed" in capsys.readouterr().err
    assert not out.exists()


def test_rows_that_do_not_answer_a_question_are_told_by_the_name_of_their_data():
    tokens = np.random.default_rng(0).integers(0, 3, (100, 4))
    ensemble = ensemble_of(RowTokens.from_tokens(tokens, 0, 3))
    assert str(ensemble.unknown("others")).startswith("data = 'tokens' is not allowed: data must")


def test_a_point_that_failed_is_told_without_the_names_of_classes(capsys):
    given = words(data="gaussian", shift="3", lam="0.1", alpha="2", masking="optimal:dynamic")
    assert main(["sweep", *given]) == 1
    out, error = capsys.readouterr()
    assert "failed: problem = " in out
    assert "BadArgument" not in out + error


@pytest.mark.usefixtures("without_workers")
def test_sidecars_tell_how_sequences_were_read(family, tmp_path):
    read = {"reweight": "0.9", "similarity": "circulant:1,0.2,0.2", "alphabet": "0,1,2"}
    for run, more in ((main, ["sweep"]), (simulate, [])):
        out = tmp_path / f"{run.__module__}.csv"
        assert run([*more, *of_tokens(family, rows="0"), *words(**read, out=str(out))]) == 0
        told = json.loads(out.with_suffix(".json").read_text())["parameters"]
        assert told["reweight"] == 0.9
        assert told["similarity"] == [[1, 0.2, 0.2], [0.2, 1, 0.2], [0.2, 0.2, 1]]
        assert told["alphabet"] == "0,1,2"
        assert Table.from_csv(out)["status"].tolist() == ["converged"]


ONE_PASS = ["one-pass", "--rate", "0.5"]


@pytest.mark.parametrize(
    ("command", "sought"),
    [
        (ONE_PASS, {"lam": "optimal"}),
        *(
            (command, {"masking": "optimal:dynamic"})
            for command in (
                ["stability"],
                ["evolve"],
                ["spectrum"],
                ["asymptotics", "--samples", "many"],
                ONE_PASS,
                ["descent", "--rate", "0.5", "--steps", "2"],
            )
        ),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else next(iter(each)),
)
def test_what_is_best_is_refused_where_it_is_not_sought(command, sought, capsys):
    name, value = next(iter(sought.items()))
    assert main([*command, *words(**(POTTS | {"lam": "0.1", "alpha": "2"} | sought))]) == 2
    out, error = capsys.readouterr()
    assert error.startswith(f"replica: {name} = '{value}' is not allowed: {name} must be ")
    assert not out
