"""Descriptions of the data: what the sequences are, without any numerics."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar

import numpy as np

from replica.arguments import integer, numbers, positive, real, refusal, truth
from replica.arrays import Matrix, Vector
from replica.errors import ParamagnetWarning
from replica.immutable import Immutable, keep
from replica.notices import tell

#: The largest parameters at which the theory was tried.
LARGEST_NORM, LARGEST_SHIFT, MOST_COLORS = 30.0, 1e6, 100_000

#: Differences between the entries of a similarity, and entries, whose fourth powers are numbers.
LEAST_U, MOST_U = 1e-70, 1e70

#: How far from symmetric or uniform a similarity may be, relative to its differences.
_EQUAL = 1e-9

#: Least eigenvalue of a covariance, relative to the largest and per site, that is not rounding.
_SINGULAR = 4.0 * np.finfo(float).eps

#: Share of the largest entry below which what tells colours apart is outweighed by the rest.
_OUTWEIGHED = 0.125


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

    #: Losses that make sense for these data, the first where none is named.
    losses: ClassVar[tuple[str, ...]] = ("cross-entropy", "squared-error")

    #: Whether a loss of the user's makes sense, too.
    own_losses: ClassVar[bool] = True

    def columns(self) -> dict[str, Any]:
        """Return what a line of a table says of these data."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {"data": self.name, **{k: v for k, v in known.items() if np.isscalar(v)}}


@dataclass(frozen=True)
class PottsTokens(DataModel):
    """Sequences of the Potts model with Gaussian couplings, J_ij = J_ji ~ N(0, 1/L).

    P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_i·U s_j), in the paramagnetic phase |b u| < 1, b = β/C, for
    every eigenvalue u of U but that of (1, ..., 1); U = I unless given.

    Parameters
    ----------
    colors : int
        C, the number of values a token takes, from 2 to 100000.
    beta : float
        β, the inverse temperature, with |β u| < C for every such u.
    similarity : array (colors, colors), optional
        U, symmetric, the similarity of the colours in s_i·U s_j; None is U = I. The
        paramagnet must be uniform: U 1 ∝ 1, and (U K0 U)_aa the same for every colour a, as
        for every circulant U. A number common to all entries changes nothing.

    Raises
    ------
    ValueError
        If an argument lies outside its range.

    Warns
    -----
    ParamagnetWarning
        If |b| is so large that the paramagnet may have ended: from 0.95 on with up to four
        colours, for less with more of them.
    """

    colors: int
    beta: float
    similarity: Any = None

    name: ClassVar[str] = "potts"

    def __post_init__(self) -> None:
        keep(self, colors=_colors(self.colors, 2))
        keep(self, similarity=_uniform(self.similarity, self.colors))
        strongest = _strongest(self.similarity)
        keep(self, beta=_paramagnetic(self.beta, self.colors, strongest))
        safe, b = safe_b(self.colors), abs(self.b) * strongest
        if b > safe:
            tell(
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
        C, the number of values a token takes, from 2 to 100000.
    coupling_norm : float
        |w*|, from 0 to 30; beyond, averages over the fields take minutes.

    Raises
    ------
    ValueError
        If an argument lies outside its range.
    """

    colors: int
    coupling_norm: float

    name: ClassVar[str] = "independent"

    def __post_init__(self) -> None:
        keep(self, colors=_colors(self.colors, 2))
        allowed = f"a number from 0 to {LARGEST_NORM:g}"
        norm = real("coupling_norm", self.coupling_norm, allowed)
        if not 0.0 <= norm <= LARGEST_NORM:
            raise refusal("coupling_norm", self.coupling_norm, allowed)
        keep(self, coupling_norm=norm)


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
        κ, greater than 2, at most 1e6.
    colors : int
        C, from 1 to 100000.
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
    own_losses: ClassVar[bool] = False

    def __post_init__(self) -> None:
        keep(self, colors=_colors(self.colors, 1))
        allowed = f"greater than 2, for a positive precision, and at most {LARGEST_SHIFT:g}"
        shift = real("shift", self.shift, allowed)
        if not 2.0 < shift <= LARGEST_SHIFT:
            raise refusal("shift", self.shift, allowed)
        keep(self, shift=shift, joint=truth("joint", self.joint))


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
    """

    colors: int
    eigenvalues: Vector
    weights: Vector
    teacher: Vector

    name: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        keep(self, colors=_colors(self.colors, 2))
        arrays = ("eigenvalues", "weights", "teacher")
        keep(self, **{name: _vector(name, getattr(self, name)) for name in arrays})
        if not self.eigenvalues.min() > 0:
            raise refusal("eigenvalues", float(self.eigenvalues.min()), "greater than 0")
        for name, array in (("weights", self.weights), ("teacher", self.teacher)):
            if array.shape != self.eigenvalues.shape or array.min() < 0:
                allowed = f"{self.eigenvalues.size} numbers, 0 or greater"
                raise refusal(name, array.tolist(), allowed)
        if abs(self.weights.sum() - 1.0) > 1e-9:
            raise refusal("weights sum", float(self.weights.sum()), "1")
        super().__post_init__()

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
            raise refusal("teacher", f"array of {row.size}", f"a vector of {len(G)} numbers")
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
    """
    G, *_ = _covariance(covariance)
    if len(G) < 2 or not 0 <= integer("site", site, 0) < len(G):
        raise refusal("site", site, f"an integer from 0 to {len(G) - 1}, with others beside it")
    rest = np.delete(np.arange(len(G)), site)
    return np.asarray(np.linalg.inv(np.linalg.inv(G)[np.ix_(rest, rest)]))


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


def _colors(colors: Any, least: int) -> int:
    return integer("colors", colors, least, MOST_COLORS)


def _uniform(similarity: Any, colors: int) -> tuple[tuple[float, ...], ...] | None:
    """Return U as nested tuples, or None for U = I."""
    if similarity is None:
        return None
    allowed = f"a symmetric matrix of {colors} x {colors} finite numbers"
    U = numbers("similarity", similarity, allowed)
    if U.shape != (colors, colors):
        raise refusal("similarity", similarity, allowed)
    if np.abs(U).max() > MOST_U:
        raise refusal("similarity", similarity, f"of entries up to {MOST_U:g} in size")
    if np.array_equal(U, np.eye(colors)):
        return None
    told, rounding = distinctions(U)
    size = float(np.abs(told).max())
    if np.abs(U - U.T).max() > _EQUAL * size + rounding:
        raise refusal("similarity", similarity, allowed)
    least = max(LEAST_U, rounding)
    if np.ptp(U) > 0.0 and size < least:
        allowed = f"of entries that differ by {least:.3g} or more, beyond their rounding"
        raise refusal("similarity", similarity, allowed)
    several = colors * rounding
    if np.ptp(told.sum(axis=1)) > _EQUAL * size + several:
        raise refusal("similarity", similarity, "of equal row sums, for a uniform paramagnet")
    centred = told - told.mean(axis=0)
    if np.ptp((centred**2).sum(axis=0)) > _EQUAL * size**2 + (2 * size + several) * several:
        allowed = "such that all (U K0 U)_aa are equal, for a uniform paramagnet"
        raise refusal("similarity", similarity, allowed)
    # What rounding has left of an asymmetry is no property of the colours.
    return tuple(tuple(row) for row in ((U + U.T) / 2).tolist())


def distinctions(U: Matrix) -> tuple[Matrix, float]:
    """Return U without what outweighs the rest in all its entries, and how far these are rounded.

    U and U + s describe the same tokens. Where s is large, the entries hold the rest to their own
    rounding error only, and sums of them to less: s goes first. A small one costs nothing.
    """
    largest = float(np.abs(U).max())
    told = U - U.mean()
    told -= told.mean()
    outweighed = np.abs(told).max() < _OUTWEIGHED * largest
    return (told if outweighed else U), 4.0 * np.finfo(float).eps * largest


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
    told, rounding = distinctions(np.array(similarity))
    strongest = float(np.abs(np.linalg.eigvalsh(told - told.mean())).max())
    # What remains of equal entries is rounding: they tell no colours apart, at any β.
    return strongest if strongest > rounding else 1e-300


def _vector(name: str, value: Any) -> Vector:
    allowed = "a sequence of one or more finite numbers"
    array = numbers(name, value, allowed)
    if array.ndim != 1 or array.size == 0:
        raise refusal(name, value, allowed)
    return array


def _covariance(value: Any) -> tuple[Vector, ...]:
    """Return a symmetric matrix, its eigenvalues, all greater than rounding, and eigenvectors."""
    allowed = "a symmetric matrix of finite numbers"
    G = numbers("covariance", value, allowed)
    square = G.ndim == 2 and G.shape[0] == G.shape[1] and G.size > 0
    if not square or np.abs(G - G.T).max() > 1e-8 * np.abs(G).max():
        raise refusal("covariance", f"array of shape {G.shape}", allowed)
    rounding = _SINGULAR * len(G)
    variances = np.diagonal(G)
    constant = int(np.argmin(variances))
    if not variances[constant] > rounding * variances.max():
        shown = f"matrix with the variance {variances[constant]:.3g} at site {constant}"
        raise refusal("covariance", shown, "positive definite")
    eigenvalues, vectors = np.linalg.eigh(G)
    # A site that copies others leaves an eigenvalue of rounding, of either sign.
    if not eigenvalues[0] > rounding * eigenvalues[-1]:
        shown = f"matrix with the eigenvalue {eigenvalues[0]:.3g}"
        allowed = f"positive definite, beyond rounding of its largest, {eigenvalues[-1]:.3g}"
        raise refusal("covariance", shown, allowed)
    return G, eigenvalues, vectors


def _paramagnetic(beta: Any, colors: int, strongest: float) -> float:
    most = colors / strongest
    reason = "|beta| < colors" if strongest == 1.0 else "|beta u| < colors for every u of U"
    allowed = f"between -{most:.6g} and {most:.6g}, as the paramagnet needs {reason}"
    value = real("beta", beta, allowed)
    if abs(value) >= most:
        raise refusal("beta", beta, allowed)
    return value
