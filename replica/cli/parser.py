"""The command `replica`: solve one problem, sweep the sample ratio, name its bounds."""

from __future__ import annotations

from collections.abc import Sequence

from replica.cli.curves import add_asymptotics, add_evolve, add_stability
from replica.cli.descent import add_descent
from replica.cli.one_pass import add_one_pass
from replica.cli.references import add_baseline, add_bayes, add_threshold
from replica.cli.required_alpha import add_required_alpha
from replica.cli.solve import add_solve
from replica.cli.spectrum import add_spectrum
from replica.cli.sweep import add_sweep
from replica.commandline.command import Parser, run

#: What adds each subcommand, in the order of the help.
_COMMANDS = (
    add_solve,
    add_sweep,
    add_threshold,
    add_required_alpha,
    add_bayes,
    add_stability,
    add_asymptotics,
    add_baseline,
    add_evolve,
    add_one_pass,
    add_descent,
    add_spectrum,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; by default those of the process.
    """
    parser = Parser(
        prog="replica", description="Replica theory of factored attention on Potts sequences."
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser)
    for add in _COMMANDS:
        add(commands)
    return run(parser, argv, lambda options, command: int(options.work(options, command)))
