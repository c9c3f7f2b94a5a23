"""The table of a density, which stands beside that of `--out`."""

from __future__ import annotations

import argparse

from replica.cli.output import check_output
from replica.errors import BadArgument
from replica.tables.provenance import sidecar
from replica.validation import invalid


def check_density(options: argparse.Namespace, command: str) -> None:
    """Raise ValueError if the density has no place of its own, or a table of others is there."""
    path, out = options.density, options.out
    if path is None:
        return
    if out is not None and sidecar(path).resolve() == sidecar(out).resolve():
        raise invalid("density", path, "another table than that of --out")
    try:
        check_output(argparse.Namespace(out=path), command)
    except BadArgument as error:
        raise invalid("density", path, error.allowed) from None
