"""Descriptions of the data: what the sequences are, without any numerics."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from replica.arguments import integer, non_negative, positive, real, refusal


class ParamagnetWarning(UserWarning):
    """The data may not be paramagnetic, and the theory then does not describe them."""


class DataModel:
    """What all descriptions of data have in common.

    Attributes
    ----------
    name : str
        Name on the command line and in tables.
    colors : int
        C, the number of values of a token, or of independent components.
    """

    name: ClassVar[str]
    colors: int

    #: Losses that make sense for these data.
    losses: ClassVar[tuple[str, ...]] = ("cross-entropy", "squared-error")

    def columns(self) -> dict[str, Any]:
        """Return what a line of a table says of these data."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {"data": self.name, **{k: v for k, v in known.items() if np.isscalar(v)}}


@dataclass(frozen=True)
class PottsTokens(DataModel):
    """Sequences of the Potts model with Gaussian couplings, J_ij = J_ji ~ N(0, 1/L).

    P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·s_j), in the paramagnetic phase |b| < 1, b = β/C.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, at least 2.
    beta : float
        β, the inverse temperature, with |β| < C.
    similarity : array (colors, colors), optional
        U, symmetric, the similarity of the colours in s_i·U s_j; None is U = I. The
        paramagnet must be uniform: U 1 ∝ 1, and (U K0 U)_aa the same for every colour a, as
        for every circulant U. Then |b u| < 1 is needed for each eigenvalue u beyond 1.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Warns
    -----
    ParamagnetWarning
        If |b| is so large that the paramagnet may have ended (see `safe_b`).
    """

    colors: int
    beta: float
    similarity: Any = None

    name: ClassVar[str] = "potts"

    def __post_init__(self) -> None:
        object.__setattr__(self, "colors", integer("colors", self.colors, 2))
        object.__setattr__(self, "similarity", _uniform(self.similarity, self.colors))
        strongest = _strongest(self.similarity)
        object.__setattr__(self, "beta", _paramagnetic(self.beta, self.colors, strongest))
        safe, b = safe_b(self.colors), abs(self.b) * strongest
        if b > safe:
            warnings.warn(
                f"beta = {self.beta}: |b| = |beta u|/colors = {b:.3g} is above {safe:.3g}, "
                "from where on the sequences may order or freeze; the theory holds in the "
                "paramagnet only",
                ParamagnetWarning,
                stacklevel=3,
            )

    def columns(self) -> dict[str, Any]:
        """Return what a line of a table says of these data, U among it unless it is I."""
        told = {} if self.similarity is None else {"similarity": _told(self.similarity)}
        return {**super().columns(), **told}

    @property
    def b(self) -> float:
        """The reduced coupling b = β/C; the paramagnet is locally stable for |b| < 1."""
        return self.beta / self.colors

    @property
    def teacher_norm2(self) -> float:
        """|w*|² = β² of a teacher row w* = β J_i, for L → ∞."""
        return self.beta**2


@dataclass(frozen=True)
class IndependentTokens(DataModel):
    """Independent uniform tokens, of which the masked one alone depends on the others.

    P(s_i = e_a | others) = softmax_a(ν), ν = Σ_j w*_j s_j, where w*_j ~ N(0, |w*|²/L): the
    teacher and student of multinomial regression.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, at least 2.
    coupling_norm : float
        |w*|, 0 or greater.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """

    colors: int
    coupling_norm: float

    name: ClassVar[str] = "independent"

    def __post_init__(self) -> None:
        object.__setattr__(self, "colors", integer("colors", self.colors, 2))
        norm = non_negative("coupling_norm", self.coupling_norm)
        object.__setattr__(self, "coupling_norm", norm)


@dataclass(frozen=True)
class GaussianTokens(DataModel):
    """Each of C independent colours is a Gaussian vector over the sites.

    Its precision matrix is κ I + X, X from the Gaussian orthogonal ensemble with the semicircle
    law on [-2, 2]. To predict one site from the others is linear regression with M C samples,
    w*_j = -X_ij/κ and noise 1/κ. The others are drawn without the masked site, with the
    covariance G = (κ + X)^{-1} that knows nothing of w*; or, `joint`, together with it in
    whole sequences, where it correlates them along w*.

    Parameters
    ----------
    shift : float
        κ, greater than 2.
    colors : int
        C, at least 1.
    joint : bool
        Whether the others are drawn in whole sequences.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """

    shift: float
    colors: int = 1
    joint: bool = False

    name: ClassVar[str] = "gaussian"
    losses: ClassVar[tuple[str, ...]] = ("squared-error",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "colors", integer("colors", self.colors, 1))
        allowed = "a finite number greater than 2, so that the precision is positive"
        if real("shift", self.shift, allowed) <= 2:
            raise refusal("shift", self.shift, allowed)
        object.__setattr__(self, "shift", float(self.shift))
        if not isinstance(self.joint, bool):
            raise refusal("joint", self.joint, "True or False")


@dataclass(frozen=True, eq=False)
class CustomTokens(DataModel):
    """Tokens of which only the spectrum of the cavity covariance is known, with U = I.

    The fields of a row are then those of Potts tokens: Gaussian with this covariance, and
    tilted by the masked token. Make one with `from_spectrum` or `from_covariance`.

    Attributes
    ----------
    colors : int
        C, the number of values of a token, at least 2.
    eigenvalues, weights, teacher : arrays
        tr f(G)/L = Σ weights f(eigenvalues) and w*ᵀ f(G) w* = Σ teacher f(eigenvalues).
    """

    colors: int
    eigenvalues: NDArray[np.float64]
    weights: NDArray[np.float64]
    teacher: NDArray[np.float64]

    name: ClassVar[str] = "custom"

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
            C, at least 2.

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        arrays = [
            _vector(name, value)
            for name, value in (
                ("eigenvalues", eigenvalues),
                ("weights", weights),
                ("teacher", teacher),
            )
        ]
        G, share, projections = arrays
        if not G.min() > 0:
            raise refusal("eigenvalues", float(G.min()), "greater than 0")
        for name, array in (("weights", share), ("teacher", projections)):
            if array.shape != G.shape or array.min() < 0:
                raise refusal(name, array.tolist(), f"{G.size} numbers, 0 or greater")
        share /= positive("weights sum", share.sum())
        for array in arrays:
            array.setflags(write=False)
        return cls(integer("colors", colors, 2), G, share, projections)

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
            C, at least 2.

        Raises
        ------
        ValueError
            If an argument is not allowed.
        """
        try:
            G = np.array(covariance, dtype=float)
        except (TypeError, ValueError):
            raise refusal("covariance", covariance, "a symmetric matrix") from None
        if G.ndim != 2 or G.shape[0] != G.shape[1] or not np.allclose(G, G.T, rtol=1e-8):
            raise refusal("covariance", f"array of shape {G.shape}", "a symmetric matrix")
        row = _vector("teacher", teacher)
        if row.size != len(G):
            raise refusal("teacher", f"array of {row.size}", f"a vector of {len(G)} numbers")
        eigenvalues, vectors = np.linalg.eigh(G)
        return cls.from_spectrum(eigenvalues, np.ones(len(G)), (vectors.T @ row) ** 2, colors)


def cavity_covariance(covariance: Any, site: int) -> NDArray[np.float64]:
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
    """
    precision = np.linalg.inv(np.array(covariance, dtype=float))
    if not 0 <= integer("site", site, 0) < len(precision):
        raise refusal("site", site, f"an integer from 0 to {len(precision) - 1}")
    rest = np.delete(np.arange(len(precision)), site)
    return np.asarray(np.linalg.inv(precision[np.ix_(rest, rest)]))


@lru_cache(maxsize=256)
def safe_b(colors: int) -> float:
    """Return the |b| up to which the paramagnet is safe.

    Up to four colours it ends at the glass transition |b| = 1. With more, one colour takes
    over before: a state in which the colours have frequencies x beats the paramagnet, by
    Jensen's bound on its free energy, at no smaller b² than

    (4/C²) (log C + Σ x log x) / (S (1 - S) - (1 - 1/C)/C),   S = Σ x²,

    and the smallest value over one enriched colour is the bound (THEORY.md, section 1).
    """
    smallest = 0.95**2
    for i in range(1, 1000):
        x = 1.0 / colors + (1.0 - 1.0 / colors) * i / 1000
        other = (1.0 - x) / (colors - 1)
        order = math.log(colors) + x * math.log(x) + (1.0 - x) * math.log(other)
        square = x * x + (1.0 - x) * other
        gain = square * (1.0 - square) - (1.0 - 1.0 / colors) / colors
        if gain > 0.0:
            smallest = min(smallest, 4.0 * order / (gain * colors**2))
    return math.sqrt(smallest)


#: What makes data models of the options of a command line, by their names.
DATA_MODELS: dict[str, Callable[..., DataModel]] = {
    **{model.name: model for model in (PottsTokens, IndependentTokens, GaussianTokens)},
    CustomTokens.name: CustomTokens.from_covariance,
}


def _uniform(similarity: Any, colors: int) -> tuple[tuple[float, ...], ...] | None:
    """Return U as nested tuples, or None for U = I."""
    if similarity is None:
        return None
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    try:
        U = np.array(similarity, dtype=float)
    except (TypeError, ValueError):
        raise refusal("similarity", similarity, allowed) from None
    if U.shape != (colors, colors) or not np.isfinite(U).all() or not np.allclose(U, U.T):
        raise refusal("similarity", similarity, allowed)
    if np.array_equal(U, np.eye(colors)):
        return None
    size = max(1.0, float(np.abs(U).max()))
    if np.ptp(U.sum(axis=1)) > 1e-9 * size:
        raise refusal("similarity", similarity, "of equal row sums, for a uniform paramagnet")
    centred = U - U.mean(axis=0)
    if np.ptp((centred**2).sum(axis=0)) > 1e-9 * size**2:
        allowed = "such that all (U K0 U)_aa are equal, for a uniform paramagnet"
        raise refusal("similarity", similarity, allowed)
    return tuple(tuple(row) for row in U.tolist())


def _told(similarity: tuple[tuple[float, ...], ...]) -> str:
    """Return a circulant U by its first row, as text, and any other by a digest."""
    # A zero has no sign here.
    U = np.array(similarity) + 0.0
    if all(np.array_equal(row, np.roll(U[0], i)) for i, row in enumerate(U)):
        return "circulant:" + ";".join(repr(u).removesuffix(".0") for u in U[0].tolist())
    return "sha256:" + sha256(U.astype("<f8").tobytes()).hexdigest()[:16]


def _strongest(similarity: Any) -> float:
    """Return the largest |u| of the eigenvalues of U beyond that of 1."""
    if similarity is None:
        return 1.0
    U = np.array(similarity)
    return max(float(np.abs(np.linalg.eigvalsh(U - U.mean())).max()), 1e-300)


def _vector(name: str, value: Any) -> NDArray[np.float64]:
    array = np.array(value, dtype=float)
    if array.ndim != 1 or array.size == 0 or not np.isfinite(array).all():
        raise refusal(name, value, "a sequence of finite numbers")
    return array


def _paramagnetic(beta: Any, colors: int, strongest: float) -> float:
    most = colors / strongest
    reason = "|beta| < colors" if strongest == 1.0 else "|beta u| < colors for every u of U"
    allowed = f"between -{most:.6g} and {most:.6g}, as the paramagnet needs {reason}"
    value = real("beta", beta, allowed)
    if abs(value) >= most:
        raise refusal("beta", beta, allowed)
    return value
