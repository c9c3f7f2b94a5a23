"""What training asks of a loss, and the objectives of rows that are made of it.

A loss is one class, in a file of its own, and one line in `losses.py`: its derivatives at given
fields, how rows are minimised, and what is known of where their minimum may not exist.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.validation import invalid
from simulations.estimators.lbfgs import Minimum
from simulations.estimators.recession import margins
from simulations.kernels.local_fields import gathered, local_fields
from simulations.kernels.second_moments import pair_sums
from simulations.tokens import Floats, Tokens

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: Eigenvalues of the second moments below this, relative to the largest, are none.
FLAT = 1e-10

_EPSILON = float(np.finfo(float).eps)


class Force(NamedTuple):
    """What the tokens answer to fields ω.

    Parameters
    ----------
    force : array (samples, rows, colors)
        g = (h - ω)/V = -∂ℓ/∂h at h = argmin_h [ℓ(y, h) + |h - ω|²/(2V)].
    response : array (samples, rows)
        -tr ∂g/∂ω.
    """

    force: Floats
    response: Floats


class Loss(ABC):
    """A convex loss ℓ(y, z) of one masked token y with the logits z.

    Arguments are arrays (..., colors): the fields z; probabilities of what the token may be; and
    `seen`, known tokens, one-hot.

    Attributes
    ----------
    name : str
        Name in tables.
    evaluations : int
        About the evaluations of the objective in a minimisation.
    attained : bool
        Whether rows have a minimiser, unique or not, for all sequences and without weight decay.
    may_end : bool
        Whether it may be constant, and least, from some field on.
    """

    name: str
    evaluations = 14
    attained = False
    may_end = False

    @abstractmethod
    def expected(self, fields: Floats, probabilities: Floats) -> Floats:
        """Return Σ_a p_a ℓ(e_a, z), an array (...,)."""

    @abstractmethod
    def gradient(self, fields: Floats, seen: Floats) -> Floats:
        """Return the derivatives in z, an array (..., colors)."""

    @abstractmethod
    def curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives in z, an array (..., colors, colors)."""

    def total_curvature(self, fields: Floats, seen: Floats) -> Floats:
        """Return the second derivatives summed over sequences, an array (rows, colors, colors)."""
        columns = range(fields.shape[1])
        return np.array([self.curvature(fields[:, r], seen[:, r]).sum(axis=0) for r in columns])

    @abstractmethod
    def flattest(self, fields: Floats, tokens: Tokens) -> Floats:
        """Return a bound from below of the curvature, in what the loss sees of z.

        `tokens` are the masked tokens as integers, an array (...,) like what is returned.
        """

    @abstractmethod
    def optimum(self, probabilities: Floats) -> Floats:
        """Return min_z Σ_a p_a ℓ(e_a, z), an array (...,); NaN where it is not known."""

    @abstractmethod
    def minimise(self, rows: Rows, tolerance: float, max_steps: int) -> Minimum:
        """Return the minima of rows, with statuses that hold (see `certificate.reviewed`)."""

    @abstractmethod
    def lacks_minimiser(self, rows: Rows, point: Floats, column: int) -> bool:
        """Tell whether a row has no finite minimiser without weight decay.

        `point` is where its minimisation arrived.
        """

    def force(self, fields: Floats, seen: Floats, variance: Floats) -> Force:
        """Return the forces that masked tokens exert on their fields in message passing.

        Parameters
        ----------
        fields : array (samples, rows, colors)
            ω, centred: its components add up to zero.
        seen : array (samples, rows, colors)
            The masked tokens y, one-hot.
        variance : array (rows,)
            V, 0 or greater.

        Raises
        ------
        ValueError
            If the proximal step of the loss is not known.
        """
        raise invalid("loss", self.name, "one whose proximal step is known, for message passing")

    def sees_common_part(self, colors: int) -> bool:
        """Tell whether the loss changes with the part of z that is common to all colours."""
        return False

    def curvature_error(self, colors: int) -> float:
        """Return the error of the second derivatives in z beyond their rounding."""
        return 0.0

    def numbers_per_token(self, colors: int) -> int:
        """Return how many numbers `flattest` keeps of every masked token."""
        return colors


@dataclass(frozen=True, eq=False)
class Rows:
    """The objectives Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (decay/2) |w|² of many sites i.

    Points and gradients are arrays (sites, rows), zero at the sites i. The last of the sites may be
    those of a bias (see `simulations.estimators.bias`), whose weights do not decay.

    Parameters
    ----------
    loss : Loss
        ℓ.
    tokens : uint8 array (samples, sites)
        Training sequences.
    values : array (colors, colors), or (colors, symbols) with more symbols than colours
        U, and behind it what missing tokens and those of a bias stand for.
    decay : float
        Weight decay, L λ.
    rows : int array (rows,)
        The sites i.
    plain : bool
        Whether U is known to be the identity, for which less is to be computed.
    bias : int
        How many of the sites, the last ones, are those of a bias.
    missing : bool
        Whether tokens of the value C stand for missing ones, which add nothing to fields.
    ridge : array (sites,), optional
        A weight decay of its own for every site, added to the other; the squared error knows it.
    """

    loss: Loss
    tokens: Tokens
    values: Floats
    decay: float
    rows: NDArray[np.int64]
    plain: bool = False
    bias: int = 0
    missing: bool = False
    ridge: Floats | None = None

    @property
    def colors(self) -> int:
        """C."""
        return len(self.values)

    @property
    def symbols(self) -> int:
        """The values of tokens, without those of a bias that are its own."""
        return self.colors + self.missing

    @property
    def sites(self) -> int:
        """L, without the sites of a bias."""
        return int(self.tokens.shape[1]) - self.bias

    @cached_property
    def absent(self) -> NDArray[np.bool_]:
        """Whether some colour is never the masked token, whose bias then may fall for ever."""
        masked = self.tokens[:, self.rows]
        return np.asarray(
            sum(np.any(masked == a, axis=0) for a in range(self.colors)) < self.colors
        )

    def biases(self, points: Floats) -> Floats:
        """Return the biases of points, an array (colors, rows)."""
        bias = np.zeros((self.colors, points.shape[1]))
        bias[: self.bias] = points[self.sites :]
        return bias

    def pull(self, points: Floats) -> Floats:
        """Return the gradient of the weight decay."""
        pull = self.decay * points
        if self.bias:
            pull[self.sites :] = 0.0
        return pull

    def stiffness(self, size: int) -> Floats:
        """Return the second derivatives of the weight decay, of so many variables of a row."""
        diagonal = np.full(size, self.decay)
        if self.bias and self.decay > 0:
            diagonal[-self.bias :] = 0.0
        return np.diag(diagonal)

    def free(self, point: Floats, column: int) -> Floats:
        """Return what no weight decay holds of one row: the bias, or at λ = 0 all of it."""
        entries: Floats = point[self.others(column)]
        return entries if self.decay == 0 else entries[self.sites - 1 :]

    def margins(self, column: int) -> Floats:
        """Return the matrix that takes these entries to the margins of one row."""
        matrix = margins(self.tokens, int(self.rows[column]), self.values)
        return matrix if self.decay == 0 else matrix[:, self.sites - 1 :]

    @cached_property
    def reach(self) -> float:
        """How far w can move, in any direction, with differences of fields changing by 1/2."""
        widest = float(np.ptp(self.values, axis=0).max())
        return 0.5 / (np.sqrt(self.tokens.shape[1]) * widest) if widest > 0 else np.inf

    @cached_property
    def inputs(self) -> Floats:
        """What the loss sees of U: all of it, or without the part common to all colours."""
        if self.loss.sees_common_part(self.colors):
            return self.values
        return np.asarray(self.values - self.values.mean(axis=0))

    @cached_property
    def moments(self) -> Floats:
        """Σ_μ s_jᵀ Uᵀ U s_k of what the loss sees of U, the Hessian of a loss of curvature one."""
        return pair_sums(self.tokens, np.arange(self.tokens.shape[1]), self.overlap)

    @property
    def few(self) -> bool:
        """Whether there are fewer components of samples than weights: some w have no fields."""
        samples, sites = self.tokens.shape
        return bool(samples * self.colors < sites - 1)

    @cached_property
    def levels(self) -> Floats:
        """The eigenvalues of `moments`, in increasing order."""
        if self.few:
            lines = self.inputs[:, self.tokens].reshape(-1, self.tokens.shape[1])
            some = np.linalg.eigvalsh(lines @ lines.T)
            return np.append(np.zeros(lines.shape[1] - len(some)), some)
        return np.asarray(np.linalg.eigvalsh(self.moments))

    @property
    def overlap(self) -> Floats:
        """The matrix Uᵀ U of what the loss sees of U."""
        overlap: Floats = self.inputs.T @ self.inputs
        return overlap

    def others(self, column: int) -> NDArray[np.bool_]:
        """Tell which sites have a weight in one row: all but its own."""
        others: NDArray[np.bool_] = np.arange(self.tokens.shape[1]) != self.rows[column]
        return others

    def spread(self, entries: Floats, column: int) -> Floats:
        """Return the entries of the other sites of one row as an array over all sites."""
        whole = np.zeros(self.tokens.shape[1])
        whole[self.others(column)] = entries
        return whole

    def seen(self, columns: NDArray[np.int64]) -> Floats:
        """Return the masked tokens, one-hot, an array (samples, columns, colors)."""
        one_hot: Floats = np.eye(self.colors)[self.tokens[:, self.rows[columns]]]
        return one_hot

    def fields(self, points: Floats) -> Floats:
        """Return the fields, an array (samples, columns, colors)."""
        return local_fields(self.tokens, np.ascontiguousarray(points.T), self.values)

    def gradient(self, point: Floats, column: int) -> tuple[Floats, float]:
        """Return the gradient of one row, and the length of what rounding makes of it."""
        answers = self.loss.gradient(self.fields(point[:, None]), self.seen(np.array([column])))
        slope = gathered(self.tokens, answers @ self.values)[:, 0] + self.pull(point)
        sums = gathered(self.tokens, np.abs(answers) @ np.abs(self.values))[:, 0]
        slope[self.rows[column]] = 0.0
        # Errors of the fields are relative errors of what tends to zero with them.
        rounding = 2 + np.linalg.norm(point) * np.abs(self.values).max()
        return slope, float(_EPSILON * (rounding * np.linalg.norm(sums)))

    def gradients(self, points: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return the gradients of some rows."""
        answers = self.loss.gradient(self.fields(points), self.seen(columns))
        slopes = gathered(self.tokens, answers @ self.values) + self.pull(points)
        slopes[self.rows[columns], np.arange(len(columns))] = 0.0
        return slopes

    def bias_derivatives(self, points: Floats, columns: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Return second derivatives (columns, bias, bias) and first (columns, bias) in the bias."""
        fields, seen, part = self.fields(points), self.seen(columns), slice(0, self.bias)
        slope = self.loss.gradient(fields, seen).sum(axis=0)
        return self.loss.total_curvature(fields, seen)[:, part, part], slope[:, part]

    def hessian(self, point: Floats, column: int) -> Floats:
        """Return the second derivatives of one row, without the weight decay."""
        samples, sites = self.tokens.shape
        total, block = np.zeros((sites, sites)), max(1, _LARGEST // self.colors**2)
        for first in range(0, samples, block):
            part = self.tokens[first : first + block]
            fields = local_fields(part, point[None], self.values)[:, 0]
            bend = self.loss.curvature(fields, np.eye(self.colors)[part[:, self.rows[column]]])
            total += pair_sums(part, np.arange(sites), self.values.T @ bend @ self.values)
        return total

    def hessian_within(self, point: Floats, column: int, basis: Floats) -> Floats:
        """Return the same in a basis of the other sites, which is narrow."""
        others = np.ascontiguousarray(self.tokens[:, self.others(column)])
        fields = self.fields(point[:, None])
        bend = self.loss.curvature(fields, self.seen(np.array([column])))[:, 0]
        # Fields are linear: along a vector of the basis they change by those of that vector.
        along = local_fields(others, np.ascontiguousarray(basis.T), self.values)
        turned = (along @ bend).transpose(1, 0, 2).reshape(len(basis.T), -1)
        total: Floats = turned @ along.transpose(1, 0, 2).reshape(len(basis.T), -1).T
        return (total + total.T) / 2

    def flattest(self, points: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return the least curvature in z, for every sequence and row, in what the loss sees."""
        return self.loss.flattest(self.fields(points), self.tokens[:, self.rows[columns]])

    def span(self, column: int) -> Floats | None:
        """Return an orthonormal basis of what the fields see of w; None if they see all of it.

        Entries belong to the other sites. The rest of w has neither fields nor, in a minimum
        that starts from zero, values.
        """
        if self.bias and self.decay > 0:
            # What no field sees may take from the weights what the bias can do.
            return None
        sites = self.tokens.shape[1]
        others = self.others(column)
        if self.few:
            inputs = self.inputs[:, self.tokens[:, others]].reshape(-1, sites - 1)
            _, lengths, vectors = np.linalg.svd(inputs, full_matrices=False)
            return np.ascontiguousarray(vectors[lengths**2 > FLAT * lengths[0] ** 2].T)
        if self.levels[0] > FLAT * self.levels[-1]:
            return None
        levels, vectors = np.linalg.eigh(self.moments[np.ix_(others, others)])
        return np.ascontiguousarray(vectors[:, levels > FLAT * levels[-1]])

    def shortest(self, point: Floats, column: int) -> Floats:
        """Return the point of the shortest w among all of the same fields, given one in `span`.

        Without a bias that is the point itself; what a bias can do, weights need not.
        """
        if not self.bias or self.decay > 0 or self.levels[0] > FLAT * self.levels[-1]:
            return point
        others = self.others(column)
        levels, vectors = np.linalg.eigh(self.moments[np.ix_(others, others)])
        unseen = vectors[:, levels <= FLAT * levels[-1]]
        weights = slice(0, self.sites - 1)
        share = np.linalg.lstsq(unseen[weights], point[others][weights], rcond=1e-10)[0]
        return self.spread(point[others] - unseen @ share, column)
