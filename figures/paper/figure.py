"""The protocol of a figure: what a module or object provides to be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from replica.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class FigureSource(Protocol):
    """A figure of the package: a module, or an object, with these names.

    One with RESUMES also gives `compute` a folder, beside the figure, for what is done.
    """

    @property
    def NAME(self) -> str:
        """Name on the command line, and of the files."""

    @property
    def DESCRIPTION(self) -> str:
        """What the figure shows, in a line."""

    @property
    def CONTENTS(self) -> Sequence[Mapping[str, Any]]:
        """What is in its tables: kinds of lines, each by the entries of some columns.

        A kind is there, and every line is of a kind; `figures.paper.contents.ANY` is any entry.
        """

    def compute(self, quick: bool, workers: int) -> Table:
        """Return what is drawn, theory and simulation.

        Parameters
        ----------
        quick : bool
            Fewer and smaller systems, and fewer points.
        workers : int
            Processes for the simulation.
        """

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned."""
