"""The command `replica`."""

from replica.cli.parser import main

__all__ = ["main"]
