"""The best rate of masks: better than its neighbours, and that of the command line."""

from __future__ import annotations

import numpy as np
import pytest
from smoothed import SmoothedCrossEntropy

from replica import (
    LocalMinimumWarning,
    Masking,
    PottsTokens,
    Problem,
    Table,
    optimal_lam,
    optimal_masking,
    solve,
)
from replica.cli import main

RIDGE = Problem(2.0, 0.01, PottsTokens(3, 1.5), "squared-error")


def test_the_best_rate_at_a_given_weight_decay():
    masking, solution = optimal_masking(RIDGE, "dynamic")
    assert solution.problem.masking == masking
    assert solution.problem.lam == RIDGE.lam
    for factor in (0.98, 1.02):
        near = solve(RIDGE.at(masking=Masking(factor * masking.rate)))
        assert near.test_loss > solution.test_loss


def test_the_best_rate_and_weight_decay_of_the_softmax():
    """As in a prototype: half of the tokens at α = 2, three tenths at α = 6."""
    bare = Problem(6.0, 1.0, PottsTokens(2, 1.0))
    masking, solution = optimal_masking(bare, "dynamic", best_lam=True)
    assert masking.rate == pytest.approx(0.3, abs=0.02)
    lam = solution.problem.lam
    for rate, other in ((1.1 * masking.rate, lam), (masking.rate, 1.2 * lam), (0.27, 0.8 * lam)):
        near = solve(bare.at(masking=Masking(rate), lam=other))
        assert near.test_loss > solution.test_loss


def test_without_a_best_rate_the_error_tells_where_the_loss_falls_to():
    with pytest.raises(ValueError, match="has a minimum in the rate, and does not fall up to rate"):
        optimal_masking(Problem(2.0, 0.02, PottsTokens(2, 1.0)), "dynamic")
    with pytest.raises(ValueError, match="kind = 'both' is not allowed"):
        optimal_masking(RIDGE, "both")


def test_the_command_takes_masks(tmp_path, capsys):
    out = tmp_path / "masks.csv"
    problem = ["--colors", "3", "--beta", "1.5", "--lam", "0.01", "--alpha", "2,3"]
    words = ["sweep", *problem, "--loss", "squared-error"]
    assert main([*words, "--masking", "optimal:dynamic", "--out", str(out)]) == 0
    lines = list(Table.from_csv(out).lines())
    masking, solution = optimal_masking(RIDGE, "dynamic")
    assert lines[0]["masking"] == str(masking)
    assert lines[0]["masked_test_loss"] == pytest.approx(solution.masked_test_loss, rel=1e-9)
    # The same command finds everything done.
    before = out.read_bytes()
    assert main([*words, "--masking", "optimal:dynamic", "--out", str(out)]) == 0
    assert out.read_bytes() == before
    assert main([*words, "--masking", "static:0.15"]) == 0
    assert "static:0.15" in capsys.readouterr().out
    assert main(["threshold", "--colors", "2", "--beta", "1", "--masking", "dynamic:0.15"]) == 0
    assert capsys.readouterr().out == "0\n"
    for text in ("optimal:both", "sometimes", "dynamic:1.5"):
        assert main([*words, "--masking", text]) == 2


def test_masks_that_are_worse_than_none_are_told():
    """Static masks of rate 0.6 are better than their neighbours, and worse than no learning."""
    with pytest.warns(LocalMinimumWarning, match=r"^alpha = 2.0: static masks of rate 0\.6"):
        masking, solution = optimal_masking(RIDGE, "static")
    assert solution.test_loss > solve(RIDGE.at(masking=Masking(1e-3, "static"))).test_loss
    for factor in (0.98, 1.02):
        near = solve(RIDGE.at(masking=Masking(factor * masking.rate, "static")))
        assert near.test_loss > solution.test_loss


def test_a_flat_optimum_is_told(capsys):
    """With so few sequences of so weak couplings no rate helps, at the best weight decay."""
    bare = Problem(2.0, 1.0, PottsTokens(2, 0.3), "squared-error")
    with pytest.warns(
        LocalMinimumWarning, match=r"of any rate from 0.00091 to 0.98 have the least"
    ):
        masking, solution = optimal_masking(bare, "dynamic", best_lam=True)
    far = Masking(1e-3 if masking.rate > 0.5 else 0.9)
    _, other = optimal_lam(bare.at(masking=far))
    assert other.test_loss == pytest.approx(solution.test_loss, rel=2e-6)
    words = ["solve", "--colors", "2", "--beta", "0.3", "--alpha", "2", "--lam", "optimal"]
    words += ["--loss", "squared-error", "--masking", "optimal:dynamic", "--json"]
    assert main(words) == 0
    assert "of any rate from 0.00091 to 0.98" in capsys.readouterr().err


def test_kinds_that_the_theory_does_not_know_are_refused_without_a_rate(tmp_path, capsys):
    bare = Problem(2.0, 0.1, PottsTokens(2, 1.0), SmoothedCrossEntropy(0.1))
    with pytest.raises(ValueError, match=r"^kind = 'dynamic' is not allowed: kind must be static"):
        optimal_masking(bare, "dynamic")
    rng, file = np.random.default_rng(1), tmp_path / "some.fasta"
    letters = np.array(list("AB"))[rng.integers(2, size=(200, 6))]
    file.write_text("".join(f">{i}\n{''.join(one)}\n" for i, one in enumerate(letters)))
    words = ["--data", "tokens", "--tokens", str(file), "--rows", "1", "--alphabet", "AB"]
    words += ["--lam", "0.1", "--alpha", "2", "--masking", "optimal:dynamic"]
    for command in ("solve", "sweep"):
        assert main([command, *words]) == 2
        told = capsys.readouterr().err
        assert "masking = 'optimal:dynamic' is not allowed: masking must be static" in told


def test_the_best_weight_decay_where_nearly_all_is_masked():
    """Fields are so short there that a lattice of trained ones has no end."""
    bare = Problem(2.0, 0.1, PottsTokens(2, 1.0), masking=Masking(0.999))
    lam, solution = optimal_lam(bare)
    assert solution.quadrature_error < 1e-8
    for factor in (0.9, 1.1):
        assert solve(bare.at(lam=factor * lam)).test_loss > solution.test_loss
    # Without anything to see the loss is that of a guess.
    assert solve(bare.at(lam=20.0)).test_loss == pytest.approx(np.log(2.0), rel=1e-4)
