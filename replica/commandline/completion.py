"""Completion of the words of a command in shells, by shtab, which the extra `completion` brings."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

from replica.errors import not_installed


class PrintCompletion(argparse.Action):
    """An option that prints the script of a shell and ends, as --version prints the version."""

    def __init__(self, option_strings: list[str], dest: str, **options: Any) -> None:
        super().__init__(
            option_strings,
            dest=argparse.SUPPRESS,
            default=argparse.SUPPRESS,
            choices=("bash", "zsh"),
            metavar="SHELL",
            help="print a script by which bash or zsh completes this command",
        )

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Any = None
    ) -> None:
        """Print the script, or say what brings it."""
        try:
            shtab: Any = import_module("shtab")
        except ImportError:
            parser.exit(2, f"{parser.prog}: {not_installed('shtab', 'completion')}\n")
        print(shtab.complete(parser, values))
        parser.exit()
