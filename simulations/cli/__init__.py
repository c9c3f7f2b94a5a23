"""The command `replica-simulate`."""

from simulations.cli.parser import main

__all__ = ["main"]
