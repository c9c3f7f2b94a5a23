"""Tokens of which only a spectrum or a covariance is known, for the theory alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from replica.arrays import Matrix, Vector
from replica.immutable import Immutable, keep
from replica.problem.data_model import DataModel, checked_colors
from replica.validation import integer, invalid, numbers, positive

#: Least eigenvalue of a covariance, relative to the largest and per site, that is not rounding.
_SINGULAR = 4.0 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class CustomTokens(Immutable, DataModel):
    """Tokens of which only the spectrum of the cavity covariance is known, with U = I.

    The fields of a row are then those of Potts tokens: Gaussian with this covariance, and
    tilted by the masked token. Make one with `from_spectrum` or `from_covariance`.

    Parameters
    ----------
    colors : int
        C, the number of values of a token, from 2 to 100000.
    eigenvalues, weights, teacher : arrays
        tr f(G)/L = Σ weights f(eigenvalues) and w*ᵀ f(G) w* = Σ teacher f(eigenvalues), where
        eigenvalues are greater than 0 and the others 0 or greater, and weights sum to 1.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import CustomTokens, Problem, solve
    >>> data = CustomTokens.from_spectrum([0.2, 0.5], [0.5, 0.5], teacher=[1.0, 1.0], colors=3)
    >>> round(solve(Problem(alpha=2.0, lam=0.1, data=data)).test_loss, 4)
    1.0654
    """

    colors: int
    eigenvalues: Vector
    weights: Vector
    teacher: Vector

    name: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        keep(self, colors=checked_colors(self.colors, 2))
        arrays = ("eigenvalues", "weights", "teacher")
        keep(self, **{name: _vector(name, getattr(self, name)) for name in arrays})
        if not self.eigenvalues.min() > 0:
            raise invalid("eigenvalues", float(self.eigenvalues.min()), "greater than 0")
        for name, array in (("weights", self.weights), ("teacher", self.teacher)):
            if array.shape != self.eigenvalues.shape or array.min() < 0:
                allowed = f"{self.eigenvalues.size} numbers, 0 or greater"
                raise invalid(name, array.tolist(), allowed)
        if abs(self.weights.sum() - 1.0) > 1e-9:
            raise invalid("weights sum", float(self.weights.sum()), "1")
        super().__post_init__()

    @property
    def parameters(self) -> tuple[str, ...]:
        """None: what is given is a spectrum."""
        return ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CustomTokens) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    @property
    def _content(self) -> tuple[int, bytes, bytes, bytes]:
        G, weights, teacher = self.eigenvalues, self.weights, self.teacher
        return self.colors, G.tobytes(), weights.tobytes(), teacher.tobytes()

    @classmethod
    def from_spectrum(
        cls, eigenvalues: Any, weights: Any, teacher: Any, colors: int
    ) -> CustomTokens:
        """Describe data by the joint law of eigenvalue of G and squared teacher projection.

        Parameters
        ----------
        eigenvalues : sequence of float
            Eigenvalues of the cavity covariance G of one colour, greater than 0.
        weights : sequence of float
            Share of each in the spectrum; they are divided by their sum.
        teacher : sequence of float
            Share of each in |w*|²: squared projections of w*, or their density.
        colors : int
            C, from 2 to 100000.

        Returns
        -------
        CustomTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        values, share = _vector("eigenvalues", eigenvalues), _vector("weights", weights)
        total = positive("weights sum", share.sum())
        return cls(colors, values, share / total, teacher)

    @classmethod
    def from_covariance(cls, covariance: Any, teacher: Any, colors: int) -> CustomTokens:
        """Describe data by the covariance of one colour over the sites, and the true row.

        Parameters
        ----------
        covariance : array (sites, sites)
            The *cavity* covariance G: of the other sites in the absence of the masked one. The
            covariance of whole sequences is another one, see `cavity_covariance`.
        teacher : array (sites,)
            The true row w*.
        colors : int
            C, from 2 to 100000.

        Returns
        -------
        CustomTokens

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        G, eigenvalues, vectors = _covariance(covariance)
        row = _vector("teacher", teacher)
        if row.size != len(G):
            raise invalid("teacher", f"array of {row.size}", f"a vector of {len(G)} numbers")
        return cls.from_spectrum(eigenvalues, np.ones(len(G)), (vectors.T @ row) ** 2, colors)


def cavity_covariance(covariance: Any, site: int) -> Matrix:
    """Return the covariance of the other sites in the absence of one.

    The covariance of whole sequences is tilted along the true row of the site by an amount of
    order one; the precision matrix without its row and column is that of the cavity system.

    Parameters
    ----------
    covariance : array (sites, sites)
        Covariance of one colour over the sites of whole sequences, invertible.
    site : int
        The site that is masked.

    Returns
    -------
    array (sites - 1, sites - 1)

    Raises
    ------
    ValueError
        If an argument is not allowed, such as a covariance that is not positive definite.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import cavity_covariance
    >>> covariance = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]])
    >>> cavity_covariance(covariance, site=1).round(6)
    array([[ 1.5, -0.5],
           [-0.5,  1.5]])
    """
    G, *_ = _covariance(covariance)
    if len(G) < 2 or not 0 <= integer("site", site, 0) < len(G):
        raise invalid("site", site, f"an integer from 0 to {len(G) - 1}, with others beside it")
    rest = np.delete(np.arange(len(G)), site)
    return np.asarray(np.linalg.inv(np.linalg.inv(G)[np.ix_(rest, rest)]))


def _vector(name: str, value: Any) -> Vector:
    allowed = "a sequence of one or more finite numbers"
    array = numbers(name, value, allowed)
    if array.ndim != 1 or array.size == 0:
        raise invalid(name, value, allowed)
    return array


def _covariance(value: Any) -> tuple[Vector, ...]:
    """Return a symmetric matrix, its eigenvalues, all greater than rounding, and eigenvectors."""
    allowed = "a symmetric matrix of finite numbers"
    G = numbers("covariance", value, allowed)
    square = G.ndim == 2 and G.shape[0] == G.shape[1] and G.size > 0
    if not square or np.abs(G - G.T).max() > 1e-8 * np.abs(G).max():
        raise invalid("covariance", f"array of shape {G.shape}", allowed)
    rounding = _SINGULAR * len(G)
    variances = np.diagonal(G)
    constant = int(np.argmin(variances))
    if not variances[constant] > rounding * variances.max():
        shown = f"matrix with the variance {variances[constant]:.3g} at site {constant}"
        raise invalid("covariance", shown, "positive definite")
    eigenvalues, vectors = np.linalg.eigh(G)
    # A site that copies others leaves an eigenvalue of rounding, of either sign.
    if not eigenvalues[0] > rounding * eigenvalues[-1]:
        shown = f"matrix with the eigenvalue {eigenvalues[0]:.3g}"
        allowed = f"positive definite, beyond rounding of its largest, {eigenvalues[-1]:.3g}"
        raise invalid("covariance", shown, allowed)
    return G, eigenvalues, vectors
