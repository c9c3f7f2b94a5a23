"""How a spectrum is shown: by its numbers, not by its points."""

from __future__ import annotations

import math
from typing import Any

from replica.immutable import Immutable
from replica.problem import Problem
from replica.saddle_point.solution import listed
from replica.tables.html import values_html


class ShownSpectrum(Immutable):
    """What spectra derive from that are printed as a solution is: a line for every number."""

    problem: Problem
    status: str

    def values(self) -> dict[str, Any]:
        """Return the numbers of a line of a table, by name."""
        raise NotImplementedError

    def _shown(self) -> dict[str, Any]:
        known = {**self.problem.columns(), **self.values()}
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in known.items()
        }

    def _repr_html_(self) -> str:
        return values_html(self._shown(), self.status)

    def __str__(self) -> str:
        """Return the problem and `values`, a line each."""
        return listed(self._shown())
