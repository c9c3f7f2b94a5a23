"""Objects that cannot be changed: what they hold is read-only, and stays so after pickling."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

#: What is held read-only.
_MUTABLE = np.ndarray, dict


class FixedDict(dict[str, Any]):
    """A dict that refuses to be changed."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is immutable; dict(...) makes a copy that is not")

    __setitem__ = __delitem__ = _refuse
    __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return FixedDict, (dict(self),)


class Immutable:
    """What frozen dataclasses derive from that hold arrays or mappings of arrays."""

    def __post_init__(self) -> None:
        self._fix(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        keep(self, **state)
        # A pickle forgets that an array was read-only.
        self._fix(state)

    def _fix(self, values: dict[str, Any]) -> None:
        held = {
            name: fixed(value)
            for name, value in values.items()
            # Of which there are many.
            if type(value) is not float and isinstance(value, _MUTABLE)
        }
        keep(self, **held)


def keep(made: object, **values: Any) -> None:
    """Set attributes of an object that refuses assignment, while it is being made."""
    vars(made).update(values)


def fixed(value: Any) -> Any:
    """Return an array as a read-only view, a dict as one of such; anything else as it is."""
    if isinstance(value, np.ndarray):
        view = value.view()
        view.flags.writeable = False
        return view
    if isinstance(value, dict):
        return FixedDict({name: fixed(each) for name, each in value.items()})
    return value
