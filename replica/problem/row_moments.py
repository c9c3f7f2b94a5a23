"""The moments of a row's inputs given its masked token: what is given of a row, if no model is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.immutable import Immutable, keep
from replica.problem.data_model import checked_colors
from replica.validation import integer, invalid, numbers

#: What rounding may leave of a sum, of an antisymmetric part or of a negative eigenvalue,
#: relative to the largest entry or eigenvalue.
_ROUNDING = 1e-8


@dataclass(frozen=True, eq=False)
class RowMoments(Immutable):
    """Frequencies, means and covariances of the inputs F_j = U s_j of a row, given its token y.

    The parameters are those of `RowTokens.from_moments`.

    Raises
    ------
    ValueError
        If an argument is not allowed.
    """

    frequencies: Vector
    means: Vector
    covariance: Vector
    teacher: Vector | None = None
    field: Vector | None = None
    row: int | None = None

    name: ClassVar[str] = "moments"

    def __post_init__(self) -> None:
        keep(self, frequencies=_frequencies(self.frequencies))
        keep(self, means=_means(self.means, self.colors))
        keep(self, covariance=_covariance(self.covariance, self.colors, self.sites))
        if self.teacher is not None:
            keep(self, teacher=_vector("teacher", self.teacher, self.sites - 1))
        elif self.field is not None:
            raise invalid("field", self.field, "given together with a teacher")
        if self.field is not None:
            keep(self, field=_vector("field", self.field, self.colors))
        if self.row is not None:
            keep(self, row=integer("row", self.row, 0))
        super().__post_init__()

    @property
    def colors(self) -> int:
        """C, the number of values of a token."""
        return len(self.frequencies)

    @property
    def sites(self) -> int:
        """L, the masked site with the others."""
        return int(self.means.shape[1]) + 1

    def columns(self) -> dict[str, Any]:
        """Return the columns of these data in a line of a table, the moments by a digest."""
        numbered = {} if self.row is None else {"row": self.row}
        return {"moments": self._digest[:12], "colors": self.colors, **numbered}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowMoments) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[str, int | None]:
        return self._digest, self.row

    @cached_property
    def _digest(self) -> str:
        """What tells these moments from others: they may be too many to be compared often."""
        content = hashlib.blake2b()
        for array in (self.frequencies, self.means, self.covariance, self.teacher, self.field):
            content.update(repr(None if array is None else array.shape).encode())
            if array is not None:
                # A zero has no sign here.
                content.update(np.ascontiguousarray(array + 0.0).data)
        return content.hexdigest()


def centred(array: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return an array without its mean along an axis of colours."""
    return np.asarray(array - array.mean(axis=axis, keepdims=True))


def _frequencies(value: Any) -> Vector:
    allowed = "a sequence of two or more numbers greater than 0 with the sum 1"
    found = numbers("frequencies", value, allowed)
    if found.ndim != 1 or found.size < 2 or not found.min() > 0.0:
        raise invalid("frequencies", value, allowed)
    checked_colors(found.size, 2)
    if abs(found.sum() - 1.0) > _ROUNDING:
        raise invalid("frequencies", value, f"{allowed}, not {found.sum():.8g}")
    return np.asarray(found / found.sum())


def _means(value: Any, colors: int) -> Vector:
    allowed = f"finite numbers of shape ({colors}, sites - 1, {colors})"
    found = numbers("means", value, allowed)
    if found.ndim != 3 or found.shape[::2] != (colors, colors) or found.size == 0:
        raise invalid("means", f"array of shape {found.shape}", allowed)
    return found


def _covariance(value: Any, colors: int, sites: int) -> Vector:
    one = (sites - 1, colors, sites - 1, colors)
    allowed = f"finite numbers of shape {one}, or {(colors, *one)} for one per frequency"
    found = numbers("covariance", value, allowed)
    if found.shape not in (one, (colors, *one)):
        raise invalid("covariance", f"array of shape {found.shape}", allowed)
    # One after the other: all together may take gigabytes.
    vary = [
        _varies(matrix, colors, f" given token {of_class}" * (found.ndim == 5))
        for of_class, matrix in enumerate(found.reshape(-1, one[0] * colors, one[0] * colors))
    ]
    if not any(vary):
        raise invalid("covariance", "zeros", "of inputs that vary")
    return found


def _varies(matrix: Matrix, colors: int, which: str) -> bool:
    """Tell whether anything varies; raise ValueError for what is no covariance but for rounding."""
    size = float(np.abs(matrix).max())
    apart = float(np.abs(matrix - matrix.T).max())
    if apart > _ROUNDING * size:
        shown = f"array{which} with entries {apart:.3g} apart across its diagonal"
        raise invalid("covariance", shown, "symmetric under the exchange of (j, a) and (k, b)")
    sites = len(matrix) // colors
    seen = centred(centred(matrix.reshape(sites, colors, sites, colors), 1), 3)
    seen = seen.reshape(matrix.shape)
    rounding = _ROUNDING * float(np.abs(seen).sum(axis=1).max()) + np.finfo(float).tiny
    try:
        np.linalg.cholesky(seen + rounding * np.eye(len(seen)))
    except np.linalg.LinAlgError:
        least = float(np.linalg.eigvalsh(seen)[0])
        shown = f"array{which} with the eigenvalue {least:.3g}"
        raise invalid("covariance", shown, "positive semidefinite beyond rounding") from None
    return bool(seen.any())


def _vector(name: str, value: Any, size: int) -> Vector:
    allowed = f"a sequence of {size} finite numbers"
    found = numbers(name, value, allowed)
    if found.shape != (size,):
        raise invalid(name, value, allowed)
    return found
