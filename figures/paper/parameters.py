"""What can be changed of the figures: each parameter, described and checked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from figures.drawing.style import LOOKS
from replica.validation import integer, invalid, non_negative, real

#: More curves of a family, or panels beside one another, cannot be told apart.
MOST = len(LOOKS)

#: The shortest system, for every row to have a few others to learn from.
_LEAST_SITES = 8


@dataclass(frozen=True)
class Kind:
    """A parameter that figures may take.

    Parameters
    ----------
    told, of_several : str
        What it is, where a figure takes one value and where it takes several.
    check : callable
        Returns a value that is allowed, given name and value, or raises ValueError.
    """

    told: str
    of_several: str
    check: Callable[[str, Any], Any]


#: Those of all figures, in the order in which they are listed.
KINDS = {
    "lam": Kind("weight decay", "weight decays", non_negative),
    "beta": Kind("inverse temperature", "inverse temperatures", real),
    "colors": Kind("number of token values C", "numbers of token values C",
                   partial(integer, minimum=2)),
    "sites": Kind("length L of the systems", "lengths L of the systems",
                  partial(integer, minimum=_LEAST_SITES)),
    "seeds": Kind("systems for each marker", "systems for each marker",
                  partial(integer, minimum=2)),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A parameter of one figure.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    several : bool
        Whether it takes several values.
    default : str
        What it is where it is not given.
    """

    name: str
    several: bool
    default: str

    @property
    def told(self) -> str:
        """What it is."""
        kind = KINDS[self.name]
        return kind.of_several if self.several else kind.told

    def read(self, value: Any) -> Any:
        """Return a value, or a tuple of several, as a figure has it.

        Raises
        ------
        ValueError
            If it is not allowed.
        """
        given = list(value) if isinstance(value, Iterable) and not isinstance(value, str) else None
        values = [value] if given is None else given
        check = KINDS[self.name].check
        if not self.several:
            if len(values) != 1:
                raise invalid(self.name, value, "one number")
            return check(self.name, values[0])
        if not 1 <= len(values) <= MOST:
            raise invalid(self.name, value, f"1 to {MOST} numbers")
        checked = tuple(check(self.name, each) for each in values)
        if len(set(checked)) < len(checked):
            raise invalid(self.name, value, "numbers of which none comes twice")
        return checked


def shown(value: Any) -> str:
    """Return a value, or several, as it is written on the command line."""
    return ",".join(map(shown, value)) if isinstance(value, tuple) else f"{value:g}"
