"""How a subcommand of `replica` is added."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from replica.problem import CustomTokens, GaussianTokens, IndependentTokens, PottsTokens
from replica.problem.row_couplings import RowCouplings

#: What the subcommands are added to.
Commands = Any

#: What --lam takes where it may be the best, of one problem and of several.
BEST_LAM = "0 or greater, or optimal: that of the least test loss"
OPTIMAL_LAM = f"{BEST_LAM}, at every alpha"

#: Data for which the Bayes bound is known, the mean-field estimators, the asymptotics, and the way
#: of training, which takes a common spectrum.
BOUNDED = (PottsTokens.name, IndependentTokens.name, CustomTokens.name, RowCouplings.name)
ESTIMATED = (PottsTokens.name, CustomTokens.name)
EXPANDED = (PottsTokens.name, GaussianTokens.name, CustomTokens.name)
FOLLOWED = (
    PottsTokens.name,
    IndependentTokens.name,
    GaussianTokens.name,
    CustomTokens.name,
    RowCouplings.name,
)


def subcommand(
    commands: Commands,
    name: str,
    work: Callable[[argparse.Namespace, str], int],
    summary: str,
    more: str,
) -> argparse.ArgumentParser:
    """Add a subcommand and return its parser.

    Parameters
    ----------
    commands : subparsers
        What to add it to.
    name : str
        How it is called.
    work : callable
        Given the parsed options and the command line as text, returns the exit status.
    summary, more : str
        What it does, in the list of commands and, with `more` behind it, in its own help.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary.capitalize()}. {more}"
    )
    parser.set_defaults(work=work)
    return parser
