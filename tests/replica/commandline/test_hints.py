"""What was probably meant by a word that is no command or option."""

from __future__ import annotations

import sys
import types
from importlib import metadata

import pytest

from figures.cli import main as draw
from replica.cli import main
from simulations.cli import main as simulate


@pytest.mark.parametrize(
    ("run", "words", "hint"),
    [
        (main, ["swep"], "(swep: did you mean sweep?)"),
        (main, ["sweep", "--aplha", "1", "--lam", "1"], "(--aplha: did you mean --alpha?)"),
        (main, ["solve", "--alpha", "1", "--lam=1", "--colours=3"], "did you mean --colors?)"),
        (simulate, ["--site", "60"], "(--site: did you mean --sites?)"),
        (draw, ["lerning-curve"], "did you mean learning-curve?)"),
    ],
)
def test_a_misspelt_word_is_told_apart(run, words, hint, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(words)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert hint in said


def test_no_hint_for_what_resembles_nothing(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["solve", "--xyzzy", "1", "--alpha", "1", "--lam", "1"])
    assert "did you mean" not in capsys.readouterr().err


def test_help_says_what_is_required_and_versions_are_short(capsys):
    for word in ("--help", "-V"):
        with pytest.raises(SystemExit, match="0"):
            main(["sweep", "--help"] if word == "--help" else [word])
    said = " ".join(capsys.readouterr().out.split())
    assert "that of the least test loss, at every alpha; required" in said
    assert said.endswith(f"replica {metadata.version('replica-attention')}")


@pytest.mark.parametrize("command", ["solve", "evolve", "descent"])
def test_help_offers_no_list_where_one_value_is_taken(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "--alpha ALPHA sample ratio M/L; required" in said
    assert "start:stop:count" not in said
    assert "that of the least test loss; required" in said


@pytest.mark.parametrize("run", [main, simulate, draw])
def test_the_script_of_a_shell_is_printed_or_what_brings_it(run, monkeypatch, capsys):
    made = types.SimpleNamespace(complete=lambda parser, shell: f"# {shell} of {parser.prog}")
    monkeypatch.setitem(sys.modules, "shtab", made)
    with pytest.raises(SystemExit, match="0"):
        run(["--print-completion", "zsh"])
    assert capsys.readouterr().out.startswith("# zsh of replica")
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit, match="2"):
        run(["--print-completion", "bash"])
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "pip install '.[completion]'" in said
