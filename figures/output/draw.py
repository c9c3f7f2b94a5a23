"""Draw a figure of the package from Python."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from replica.execution.sharing import asked
from replica.tables import Table
from replica.validation import invalid, one_of, truth

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(
    name: str,
    *,
    data: str | os.PathLike[str] | Table | None = None,
    quick: bool = False,
    workers: int | None = None,
    **parameters: Any,
) -> Figure:
    """Compute the data of a figure of the package, or read them, and draw it.

    Parameters
    ----------
    name : str
        One of those that `replica-figures list` names.
    data : path or Table, optional
        Draw these instead of computing: a table that `replica-figures NAME` wrote, or the folder
        that it is in. It knows its parameters by the JSON file beside it; a Table, or one that
        lost this file, is of the parameters that are given.
    quick : bool
        Fewer and smaller systems.
    workers : int, optional
        Processes; by default all cores, unless the run is short.
    **parameters
        Some of lam, beta, colors, sites and seeds, as `replica-figures list` says of each figure:
        a number, or a sequence where it takes several.

    Returns
    -------
    Figure
        Of matplotlib, in the style of `journal` wherever it is shown or saved.

    Raises
    ------
    ValueError
        If the figure is none, does not take a parameter or cannot be made at its value, or if the
        data are not those of this figure.

    Examples
    --------
    >>> import figures
    >>> figure = figures.draw("double-descent", lam=(0.01, 0.1), sites=20, seeds=3, quick=True)
    >>> figure.savefig("descent.pdf")  # doctest: +SKIP
    """
    from figures.drawing.style import journal, load_matplotlib
    from figures.output.own_table import as_it_was_made, check, own_table, table_in
    from figures.paper import FIGURES
    from figures.paper.figure import at
    from figures.paper.tokens import TokensFigure

    known = {figure.NAME: figure for figure in (*FIGURES, TokensFigure())}
    figure = at(known[one_of("name", name, known)], parameters)
    if data is None:
        quick, workers = truth("quick", quick), asked(workers)
        if name == TokensFigure.NAME:
            raise invalid("data", data, "the table that `replica-figures tokens FILE` wrote")
        table = figure.compute(quick, workers)
    elif isinstance(data, Table):
        table = data
        check(figure, table, "data", _COMMAND)
    elif not isinstance(data, str | os.PathLike):
        raise invalid("data", data, "a Table, or the path of one or of its folder")
    else:
        path = table_in(figure, os.fspath(data))
        figure = as_it_was_made(figure, path)
        table = own_table(figure, path, _COMMAND)
    load_matplotlib()
    with journal():
        return figure.draw(table)


#: The command that draws the same.
_COMMAND = "replica-figures"
