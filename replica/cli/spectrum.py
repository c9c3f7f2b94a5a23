"""The command `replica spectrum`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from replica.cli.density import check_density
from replica.cli.family import Family
from replica.cli.output import Row, deliver
from replica.cli.report import report_failed
from replica.cli.subcommand import EXPANDED, Commands, subcommand
from replica.commandline.options import add_problem_options
from replica.commandline.output import add_output_options
from replica.saddle_point.status import Status
from replica.tables import Table
from replica.tables.table import place_for

if TYPE_CHECKING:
    from replica.predictions.attention_spectrum import AttentionSpectrum


def add_spectrum(commands: Commands) -> None:
    """Add `replica spectrum`."""
    parser = subcommand(
        commands,
        "spectrum",
        print_spectrum,
        "spectrum of the whole attention matrix",
        "Prints edges, outliers and moments of A, with the cross-entropy of (A + A^T)/2, as CSV, "
        "one line per alpha; with --spike what a pattern becomes, and where it stands out.",
    )
    add_problem_options(
        parser,
        "greater than 0, or 0 for many samples; or optimal: that of the least test loss",
        loss="squared-error",
        models=EXPANDED,
        similarity=False,
    )
    parser.add_argument("--density", metavar="FILE",
                        help="CSV table to write, of the density over the eigenvalues")  # fmt: skip
    add_output_options(parser)


def print_spectrum(options: argparse.Namespace, command: str) -> int:
    """Print what is known of the spectrum along α, and write its density."""
    from replica.predictions.attention_spectrum import attention_spectrum

    if options.density is not None:
        place_for("density", options.density)
    family, failed = Family.at_lam(options), []
    lines: list[dict[str, Any]] = []
    check_density(options, command)

    def rows() -> Iterator[Row]:
        for problem in family.problems:
            found = attention_spectrum(problem)
            if found.status != Status.CONVERGED:
                failed.append(f"alpha = {problem.alpha}: {_shortcoming(found)}")
            if options.density is not None:
                lines.extend({**family.identity(problem), **point} for point in _points(found))
            yield family.row(problem, found.values())

    deliver(rows(), options, command)
    if options.density is not None:
        Table(lines).to_csv(options.density, command=command, seeds=[])
    return report_failed(failed)


def _shortcoming(found: AttentionSpectrum) -> str:
    """Return why a spectrum is no answer, or how far it is from one."""
    if not found.eigenvalues.size:
        return f"{found.status}, {Status(found.status).sentence}"
    errors = f"residual {found.residual:.1g}, quadrature error {found.quadrature_error:.1g}"
    return f"{found.status}, {errors}"


def _points(found: AttentionSpectrum) -> Iterator[dict[str, Any]]:
    """Yield the points of the density as lines of a table."""
    grid = found.eigenvalues, found.density, found.cumulative
    for eigenvalue, density, cumulative in zip(*(each.tolist() for each in grid), strict=True):
        yield {
            "eigenvalue": eigenvalue,
            "density": density,
            "cumulative": cumulative,
            "status": found.status,
        }
