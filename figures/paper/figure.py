"""What a figure provides: the protocol, and the base of those that take parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from figures.paper.parameters import KINDS, Parameter, shown
from replica.tables import Table
from replica.validation import invalid

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from typing_extensions import Self


class FigureSource(Protocol):
    """A figure of the package: a module, or an object, with these names.

    One with RESUMES also gives `compute` a folder, beside the figure, for what is done. One that
    is a `PaperFigure` takes parameters, and writes its caption.
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

    def compute(self, quick: bool, workers: int | None) -> Table:
        """Return what is drawn, theory and simulation.

        Parameters
        ----------
        quick : bool
            Fewer and smaller systems, and fewer points.
        workers : int, optional
            Processes; by default all cores, unless the run is short.
        """

    def draw(self, table: Table) -> Figure:
        """Draw the table that `compute` returned."""


class PaperFigure:
    """Base of the figures of the package: dataclasses, whose fields are what they take.

    A field has the name of one of `figures.paper.parameters.KINDS`; it is a tuple where the figure
    takes several values, and None where the value depends on the amount of work, FULL or QUICK.
    """

    NAME: ClassVar[str]
    DESCRIPTION: ClassVar[str]

    #: How much is computed, and with --quick.
    FULL: Any
    QUICK: Any

    _given: Mapping[str, Any] = MappingProxyType({})

    #: What is said of parameters that follow from others.
    DEFAULTS: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @property
    def parameters(self) -> dict[str, Parameter]:
        """What the figure takes, by name, with the values that it has now."""
        taken = {field.name: field for field in fields(self)}  # type: ignore[arg-type]
        return {
            name: Parameter(name, str(taken[name].type).startswith("tuple"), self._default(name))
            for name in KINDS
            if name in taken
        }

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that `at` changed."""
        return dict(self._given)

    def at(self, **given: Any) -> Self:
        """Return the figure at other parameters.

        Raises
        ------
        ValueError
            If it does not take one of them, or a value is not allowed.
        """
        taken, figure = self.parameters, copy(self)
        for name, value in given.items():
            if name not in taken:
                named = ", ".join(taken) or "no parameters"
                raise invalid(name, value, f"left out, {self.NAME} takes {named}")
            setattr(figure, name, taken[name].read(value))
        figure._given = {**self._given, **{name: getattr(figure, name) for name in given}}
        figure.check()
        return figure

    def check(self) -> None:
        """Raise ValueError if the figure cannot be made at its parameters."""
        len(self.CONTENTS)  # type: ignore[attr-defined]  # making the data checks them

    def caption(self, table: Table) -> str:
        """Return what stands under the picture of a table in a paper, with mathematics in $...$."""
        raise NotImplementedError

    def _default(self, name: str) -> str:
        value = getattr(self, name)
        if value is not None:
            return shown(value)
        if name in self.DEFAULTS:
            return self.DEFAULTS[name]
        full, quick = (shown(_amount(size, name)) for size in (self.FULL, self.QUICK))
        return f"{full}; with --quick {quick}" if full != quick else full


def at(figure: FigureSource, given: Mapping[str, Any]) -> FigureSource:
    """Return any figure at parameters, of which one that is no `PaperFigure` takes none."""
    if isinstance(figure, PaperFigure):
        return figure.at(**given) if given else figure
    for name, value in given.items():
        raise invalid(name, value, f"left out, {figure.NAME} takes no parameters")
    return figure


def _amount(size: Any, name: str) -> Any:
    """Return an entry of how much is computed, those of several sizes as a tuple."""
    if isinstance(size, Sequence):
        return tuple(getattr(each, name) for each in size)
    return getattr(size, name)
