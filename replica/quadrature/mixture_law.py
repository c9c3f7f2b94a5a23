"""The law of fields whose colours are not alike, Gaussian given the masked token, and its rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from replica.arrays import Matrix, Vector
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.gaussian_points import Budget, gaussian_points
from replica.quadrature.largest_field import largest_probability
from replica.quadrature.point_sets import complement
from replica.quadrature.rule import Accuracy, Averages
from replica.quadrature.symmetric import packing, roots
from replica.quadrature.temperature import Points

#: Points of the fields, whose cost with many colours is the C³ operations of each.
_FIELDS = Budget((3000, 16_000, 60_000), (7, 11, 13), (5, 8, 10))

#: Variances of a field, relative to the largest, that no average sees.
_NARROW = 1e-9


class Truth(NamedTuple):
    """The fields of the true row.

    Attributes
    ----------
    m : array (colors, colors)
        Their mean given each token.
    q : array (colors, colors, colors)
        Their covariance given each token.
    """

    m: Matrix
    q: Vector


@dataclass(frozen=True, eq=False)
class MixtureLaw(FieldLaw):
    """P(y = a) = π_a and ω|a ~ N(m_a, q_a), for a vector m_a and a matrix q_a without part along 1.

    The order parameters have one entry per token in front: m (colors, colors), q and V
    (colors, colors, colors).

    Attributes
    ----------
    frequencies : array (colors,)
        π.
    truth : Truth or None
        The fields that the token is drawn from, if they are known.
    """

    frequencies: Vector
    truth: Truth | None

    @property
    def colors(self) -> int:  # type: ignore[override]
        """C."""
        return len(self.frequencies)

    @cached_property
    def basis(self) -> Matrix:
        """Orthonormal colour differences, one per row, in which points of the fields are given."""
        return complement(self.colors)

    def error_rate(self, m: Vector, q: Vector, accuracy: Accuracy) -> float:
        """Return the probability that another component of ω than that of y is largest."""
        return 1.0 - float(self.frequencies @ self._right(m, q, accuracy).mean(axis=1))

    def rate_error(self, m: Vector, q: Vector) -> float:
        """Return two standard errors of the error rate, relative, over scrambles of its points."""
        parts = self.frequencies @ self._right(m, q, Accuracy.FINE)
        rate = 1.0 - float(parts.mean())
        error = 2.0 * float(parts.std(ddof=1)) / math.sqrt(parts.size) if parts.size > 1 else 0.0
        return error / rate if rate > 0.0 else 0.0

    def points(self, m: Vector, q: Vector, accuracy: Accuracy) -> list[Points]:
        """Return points of the fields given each token, which count by its frequency."""
        found = []
        for a, covariance in enumerate(self.basis @ q @ self.basis.T):
            x, weights = self.nodes(covariance, 1.0, accuracy)
            fields = m[a] + x.reshape(-1, len(covariance)) @ roots(covariance) @ self.basis
            share = self.colors * self.frequencies[a] / len(weights)
            found.append(Points(fields, share * weights.ravel(), a))
        return found

    def conditional_variance(self, rho: Vector, accuracy: Accuracy) -> float:
        """Return 1 - E|softmax(ν)|² of the true fields, NaN where they are not known."""
        return self.average_of_truth(lambda p: 1.0 - (p**2).sum(axis=1), accuracy)

    def average_of_truth(
        self, function: Callable[[Matrix], Vector | None], accuracy: Accuracy
    ) -> float:
        """Return E f(softmax(ν)) of an f of probabilities (points, colors); NaN without a truth."""
        if self.truth is None:
            return math.nan
        total = 0.0
        for a, q in enumerate(self.basis @ self.truth.q @ self.basis.T):
            x, weights = self.nodes(q, 1.0, accuracy)
            nu = self.truth.m[a] + x.reshape(-1, len(q)) @ roots(q) @ self.basis
            p = np.exp(nu - nu.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            found = np.asarray(function(p))
            total += self.frequencies[a] * float(weights.ravel() @ found) / len(weights)
        return total

    def nodes(self, q: Matrix, sharpness: float, accuracy: Accuracy) -> tuple[Vector, Matrix]:
        """Return normal points x for fields √q x, and their weights.

        A lattice along the eigenvectors of q, in steps that follow its eigenvalues, while it has
        few enough points; else independent scrambles of Sobol's points.

        Parameters
        ----------
        q : array (colors - 1, colors - 1)
            The covariance of the fields, in the basis.
        sharpness : float
            How much more sharply than the cross-entropy a loss bends.
        accuracy : Accuracy
            How good the points are to be.

        Returns
        -------
        tuple
            Arrays (parts, points, colors - 1) and (parts, points).
        """
        return gaussian_points(self.basis, q, sharpness, accuracy, _FIELDS)

    def _right(self, m: Vector, q: Vector, accuracy: Accuracy) -> Matrix:
        """Return the probability of a right guess given each token, by scrambles of points."""
        covariances = self.basis @ q @ self.basis.T
        found = []
        for a, root in enumerate(roots(covariances)):
            differences = (self.basis[:, [a]] - np.delete(self.basis, a, axis=1)).T
            means = differences @ (self.basis @ m[a])
            found.append(largest_probability(means, differences @ root, accuracy))
        return np.array(found)


class SolvedClass(NamedTuple):
    """What a loss makes of points of the fields given one token, in the basis of the law.

    With h = prox(ω): the force g = -∂ℓ/∂h, K = -∂g/∂ω and ℓ(y, h).
    """

    g: Matrix
    K: Vector
    losses: Vector


class ClassLoss(Protocol):
    """A loss at points ω (points, colors - 1) of the fields in an orthonormal basis."""

    @property
    def sharpness(self) -> float:
        """How much more sharply than the cross-entropy it bends, which is like larger fields."""

    def solved(self, masked: int, omega: Matrix, root: Matrix, guess: Matrix) -> SolvedClass:
        """Return what the loss makes of fields with token `masked` and V = root rootᵀ.

        The guess is a g near the solution, or zeros.
        """

    def value(self, masked: int, omega: Matrix) -> Vector:
        """Return ℓ(e_masked, ω) at every point."""


class MixtureRule:
    """Sums over points of the fields of every token."""

    def __init__(self, law: MixtureLaw, loss: ClassLoss, q: Vector) -> None:
        self.law, self.loss = law, loss
        self._covariances = law.basis @ q @ law.basis.T
        self._axes = np.linalg.eigh(self._covariances)
        self._points: dict[tuple[int, Accuracy], tuple[Vector, Matrix]] = {}
        self._forces: dict[tuple[int, Accuracy], Matrix] = {}
        self._spread = 0.0

    @property
    def common_error(self) -> float:
        """Rounding and what lies beyond the points; for samples, their relative standard error."""
        return 2e-11 + self._spread

    def covers(self, m: Vector, q: Vector, V: Vector) -> bool:
        """Tell whether the fields have not grown or shrunk by more than a fifth."""
        values, vectors = self._axes
        now = np.einsum("aji,ajk,aki->ai", vectors, self.law.basis @ q @ self.law.basis.T, vectors)
        seen = values > _NARROW * values.max(initial=np.finfo(float).tiny)
        grown = now[seen] / values[seen]
        return bool(((grown > math.exp(-0.2)) & (grown < math.exp(0.2))).all())

    def averages(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Averages:
        """Return E over each token, times its frequency, of g, g gᵀ and K, and E ℓ(y, h)."""
        overlap, energy, response = np.empty_like(m), np.empty_like(q), np.empty_like(V)
        basis, loss, spread, sampled = self.law.basis, 0.0, [], False
        for a, frequency in enumerate(self.law.frequencies):
            solved, weights = self._solved(a, m, q, V, accuracy)
            # Sums by parts, whose spread is their error.
            shares, n = weights[:, None, :], solved.g.shape[-1]
            terms = [
                (shares @ solved.g)[:, 0],
                (solved.g.swapaxes(1, 2) * shares) @ solved.g,
                (shares @ solved.K.reshape(*weights.shape, n * n)).reshape(-1, n, n),
                (shares @ solved.losses[..., None])[:, 0, 0],
            ]
            g, gg, K, losses = (term.mean(axis=0) for term in terms)
            overlap[a] = frequency * (g @ basis)
            energy[a] = frequency * (basis.T @ gg @ basis)
            response[a] = frequency * (basis.T @ K @ basis)
            loss += frequency * float(losses)
            spread.append(np.array([_standard_error(term) for term in terms]) * frequency)
            sampled |= len(weights) > 1
        if sampled:
            traces = (np.trace(each.sum(axis=0)) for each in (energy, response))
            sizes = [np.abs(overlap).sum(), *traces, loss]
            total = np.sqrt((np.array(spread) ** 2).sum(axis=0))
            self._spread = float((total / np.array(sizes)).max())
        return Averages(overlap, energy, response, loss)

    def response_square(self, m: Vector, q: Vector, V: Vector, accuracy: Accuracy) -> Matrix:
        """Return what makes E K A K of packed matrices A of every token, times its frequency."""
        found = []
        for a, frequency in enumerate(self.law.frequencies):
            solved, weights = self._solved(a, m, q, V, accuracy)
            n = solved.K.shape[-1]
            K = solved.K.reshape(weights.size, n * n)
            shares = frequency * weights.ravel() / len(weights)
            square = (K.T * shares) @ K
            found.append(square.reshape(n, n, n, n).swapaxes(1, 2).reshape(n * n, n * n))
        return of_packed(found)

    def _solved(
        self, a: int, m: Vector, q: Vector, V: Vector, accuracy: Accuracy
    ) -> tuple[SolvedClass, Matrix]:
        basis = self.law.basis
        key = a, accuracy
        if key not in self._points:
            self._points[key] = self.law.nodes(self._covariances[a], self.loss.sharpness, accuracy)
        x, weights = self._points[key]
        covariance, variance = (basis @ each[a] @ basis.T for each in (q, V))
        root, reaction = roots(np.array([covariance, variance]))
        omega = basis @ m[a] + x.reshape(-1, x.shape[-1]) @ root
        guess = self._forces.get(key, np.zeros_like(omega))
        solved = self.loss.solved(a, omega, reaction, guess)
        self._forces[key] = solved.g
        shape = weights.shape
        return SolvedClass(*(each.reshape(*shape, *each.shape[1:]) for each in solved)), weights


def of_packed(squares: Sequence[Matrix]) -> Matrix:
    """Return K⊗K of every token as one matrix that acts on packed matrices of all of them."""
    pack = packing(math.isqrt(len(squares[0])))
    return np.asarray(block_diag(*(pack @ each @ pack.T for each in squares)))


def _standard_error(parts: NDArray[np.float64]) -> float:
    """Return the norm of the standard error of the mean of independent parts."""
    if len(parts) < 2:
        return 0.0
    return float(np.linalg.norm(parts.std(axis=0, ddof=1))) / math.sqrt(len(parts))
