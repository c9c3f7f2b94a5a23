"""Systems with masks: their lines, what these depend on, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from replica import (
    GaussianTokens,
    IndependentTokens,
    Masking,
    PottsTokens,
    Problem,
    RowTokens,
    Table,
)
from simulations import average_seeds, simulate, simulate_many
from simulations.cli.parser import main

BARE = Problem(2.0, 0.1, PottsTokens(3, 1.5))
STATIC = Masking(0.3, "static")
OBSERVED = ("train_loss", "test_loss", "error_rate", "coupling_error", "m", "q")


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
def test_hardly_any_dynamic_masks_are_none(loss):
    bare = simulate(BARE.at(loss=loss), 30, rows=4, test_samples=50)
    masked = simulate(BARE.at(loss=loss, masking=Masking(1e-12)), 30, rows=4, test_samples=50)
    for name in OBSERVED:
        assert masked[name] == pytest.approx(bare[name], rel=1e-7 if name == "q" else 1e-9)
    assert masked["masked_test_loss"] == pytest.approx(masked["test_loss"], rel=1e-9)
    assert masked["masked_error_rate"] == pytest.approx(masked["error_rate"], rel=1e-9)
    assert masked["masking"] == "dynamic:1e-12"
    assert "masking" not in bare
    assert "masked_test_loss" not in bare


def test_masked_contexts_of_the_test():
    """Rows that learnt nothing lose nothing; others do, by the tokens that they miss."""
    nothing = simulate(BARE.at(lam=1e9, masking=STATIC), 20, rows=3, test_samples=20)
    assert nothing["masked_test_loss"] == pytest.approx(np.log(3), rel=1e-6)
    # Nearly all is hidden, and the fields are near zero.
    most = simulate(BARE.at(masking=Masking(0.9999)), 20, rows=3, test_samples=200)
    assert most["masked_test_loss"] == pytest.approx(np.log(3), abs=0.01)


@pytest.mark.parametrize("masking", [STATIC, Masking(0.3, "static", 3), Masking(0.3)], ids=str)
def test_a_line_does_not_depend_on_others(masking):
    problems = [BARE.at(masking=masking), BARE.at(masking=masking, lam=0.3), BARE]
    options = {"rows": 2, "test_samples": 20}
    together = simulate_many(problems, [20], [0, 1], **options)
    alone = simulate_many(problems[:1], [20], [1], **options).lines()[0]
    assert alone in [{name: line.get(name) for name in alone} for line in together.lines()]
    assert {line.get("masking") for line in together.lines()} == {str(masking), None}
    mean = average_seeds(together.where(masking=str(masking), lam=0.1)).lines()[0]
    assert mean["masked_test_loss"] == pytest.approx(
        np.mean(
            [x["masked_test_loss"] for x in together.lines() if x.get("masking") and x["lam"] < 0.2]
        )
    )
    assert mean["masked_test_loss_stderr"] > 0


def test_rows_of_given_couplings():
    rng = np.random.default_rng(0)
    couplings = rng.standard_normal((9, 9)) / 3
    couplings = np.triu(couplings, 1) + np.triu(couplings, 1).T
    data = [RowTokens.from_couplings(couplings, row, 3, 0.5) for row in (1, 4)]
    problems = [Problem(6.0, 0.1, one, masking=m) for m in (STATIC, Masking(0.3)) for one in data]
    every = simulate_many(problems, [], [0], test_samples=400).lines()
    assert [line["masking"] for line in every] == ["static:0.3"] * 2 + ["dynamic:0.3"] * 2
    for problem, line in zip(problems, every, strict=True):
        (alone,) = simulate_many([problem], [], [0], test_samples=400).lines()
        assert alone.keys() == line.keys()
        for name in (*OBSERVED, "masked_test_loss", "masked_error_rate"):
            assert alone[name] == pytest.approx(line[name], rel=1e-9)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_rows_of_given_sequences_some_of_whose_tokens_are_missing(kind):
    tokens = np.random.default_rng(0).integers(0, 3, (80, 6))
    tokens[::5, 2] = 3
    problems = [
        Problem(5.0, 0.1, RowTokens.from_tokens(tokens, row, 3, missing=True), masking=masking)
        for row in (1, 2)
        for masking in (None, Masking(0.4, kind))
    ]
    bare, masked, *_ = simulate_many(problems, [], [0]).lines()
    assert all(line["status"] == "converged" for line in simulate_many(problems, [], [0]).lines())
    assert "masked_test_loss" not in bare or bare["masked_test_loss"] is None
    assert np.isfinite(masked["masked_test_loss"])
    assert masked["masked_test_loss"] != masked["test_loss"]


def test_independent_tokens_have_masks_of_their_own():
    problem = Problem(4.0, 0.1, IndependentTokens(3, 1.5), masking=STATIC)
    line = simulate(problem, 20, rows=3, test_samples=30)
    assert line["status"] == "converged"
    assert line["masked_test_loss_stderr"] > 0


@pytest.mark.usefixtures("without_workers")
def test_the_command(tmp_path):
    out = tmp_path / "out.csv"
    words = ["--colors", "2", "--beta", "1", "--lam", "0.1", "--alpha", "2", "--sites", "12"]
    words += ["--rows", "2", "--test-samples", "10"]
    command = [*words, "--masking", "static:0.3,static:0.3:4,dynamic:0.3", "--out", str(out)]
    assert main([*command, "--seeds", "2", "--workers", "1"]) == 0
    table = Table.from_csv(out)
    known = ["static:0.3", "static:0.3:4", "dynamic:0.3"] * 2
    assert [line["masking"] for line in table.lines()] == known
    assert np.isfinite(table["masked_test_loss_stderr"]).all()
    before = out.read_bytes()
    assert main([*command, "--seeds", "2", "--workers", "1"]) == 0
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("--masking static:1.5", "masking = 'static:1.5' is not allowed"),
        ("--masking often:0.5", "masking = 'often:0.5' is not allowed"),
        ("--masking static:0.3 --estimator amp", "estimator = 'amp' is not allowed"),
        ("--masking optimal:dynamic", "masking = 'optimal:dynamic' is not allowed"),
    ],
)
def test_bad_command_lines(words, refusal, tmp_path, capsys):
    base = ["--colors", "2", "--beta", "1", "--lam", "0.1", "--alpha", "2", "--sites", "12"]
    assert main([*base, *words.split(), "--out", str(tmp_path / "x.csv")]) == 2
    assert refusal in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_refusals():
    with pytest.raises(ValueError, match="masking must be None for courses and Gaussian tokens"):
        simulate_many([Problem(2.0, 0.1, GaussianTokens(2.5), masking=STATIC)], [20], [0])
    for estimator in ("amp", "naive-mean-field", "quadratic"):
        with pytest.raises(ValueError, match="estimator must be minimiser with masks"):
            simulate(BARE.at(masking=STATIC), 20, estimator=estimator)
