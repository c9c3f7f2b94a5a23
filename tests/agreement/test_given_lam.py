"""Systems at the weight decays that a table of the theory has for their points."""

from __future__ import annotations

import pytest

import replica.cli
import simulations.cli
from figures.output.overlay import curves_between
from figures.output.read_tables import read_tables
from replica import Table

THEORY = "sweep --colors 3 --beta 1,1.5 --loss squared-error --lam optimal --alpha 1,2,4"
SYSTEMS = "--colors 3 --loss squared-error --sites 6 --test-samples 20 --workers 1"


@pytest.fixture(scope="module")
def best(tmp_path_factory):
    path = tmp_path_factory.mktemp("theory") / "best.csv"
    assert replica.cli.main([*THEORY.split(), "--out", str(path)]) == 0
    return path


def test_systems_are_trained_at_the_best_weight_decays(best, tmp_path):
    out = tmp_path / "trained.csv"
    words = [*SYSTEMS.split(), "--lam", str(best), "--out", str(out)]
    assert simulations.cli.main([*words, "--beta", "1.5,1", "--alpha", "4,1"]) == 0
    theory, trained = Table.from_csv(best), Table.from_csv(out)
    assert len(trained) == 4
    for line in trained.lines():
        (known,) = theory.where(beta=line["beta"], alpha=line["alpha"]).lines()
        assert line["lam"] == known["lam"]
    # They belong to the curves of the theory, one for each beta.
    own = read_tables([str(best), str(out)], ("alpha", "test_loss"))
    assert own.best_lam
    curves = curves_between(own.theory, own.simulation, "alpha", own.best_lam)
    assert set(map(curves.problem, curves.marks)) == set(map(curves.problem, curves.lines))
    # More points are added, and none is computed anew.
    assert simulations.cli.main([*words, "--beta", "1.5,1", "--alpha", "4,1,2"]) == 0
    grown = Table.from_csv(out)
    assert len(grown) == 6
    assert all(line in grown.lines() for line in trained.lines())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--beta 1 --alpha 3", "alpha = 3.0, not 0"),
        ("--beta 1 --alpha 1 --masking dynamic:0.5", "masking = dynamic:0.5, not 0"),
        ("--beta 1 --alpha 1 --loss cross-entropy", "loss = cross-entropy"),
    ],
    ids=["alpha", "masks", "loss"],
)
def test_points_that_the_table_lacks_are_refused(best, options, told, capsys):
    words = [*SYSTEMS.split(), "--lam", str(best), *options.split()]
    assert simulations.cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert told in said


def test_a_table_of_several_weight_decays_is_refused(best, tmp_path, capsys):
    lines = Table.from_csv(best).lines()
    several = Table([*lines, *(line | {"lam": 0.5} for line in lines)]).to_csv(tmp_path / "two.csv")
    words = [*SYSTEMS.split(), "--lam", str(several), "--beta", "1", "--alpha", "1"]
    assert simulations.cli.main(words) == 2
    assert "one weight decay for" in capsys.readouterr().err


@pytest.mark.parametrize("lam", [None, -1.0, float("inf")], ids=["none", "negative", "infinite"])
def test_weight_decays_that_are_none_are_those_of_the_table(
    best, lam, tmp_path, monkeypatch, capsys
):
    # A message shortens long paths.
    monkeypatch.chdir(tmp_path)
    lines = [line | {"lam": lam} for line in Table.from_csv(best).where(beta=1.0).lines()]
    Table(lines).to_csv("wrong.csv")
    words = [*SYSTEMS.split(), "--lam", "wrong.csv", "--beta", "1", "--alpha", "1"]
    assert simulations.cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "lam = 'wrong.csv' is not allowed" in said
