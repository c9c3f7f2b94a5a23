"""What the status of a trained row says: that a minimiser exists, and that the row is near it.

A gradient alone bounds nothing. Let the curvature of an objective be at least c in a ball of
radius 2 |g|/c around a point with the gradient g. On its surface the objective is then above its
value at the centre, so that a minimiser exists, and it is no farther away than |g|/c. Where all
differences of two fields change by at most d within the ball, the curvature of the cross-entropy
falls by at most a factor e^d (|ℓ'''| ≤ max_ab |z_a - z_b| ℓ'' along any z; Bach, arXiv:0910.4627):
what is needed of c is known at the centre. Of a loss of the user's the same is assumed.

Whether c is reached is asked of the weight decay first; then of the samples that are predicted
neither too well nor too badly, which share one matrix for all rows; then of the whole Hessian, from
which Newton steps lead nearer to the minimum; and without weight decay, where nothing proves a
minimiser, a linear program looks for a direction without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulations.estimators.lbfgs import Minimum
from simulations.estimators.losses import CrossEntropy, Loss, SquaredError
from simulations.estimators.newton import Approach, Local, approach, definite
from simulations.estimators.own_loss import STEP, curvature, flattest, sees_common_part
from simulations.estimators.recession import margins, recession_direction, separates
from simulations.kernels.local_fields import gathered, local_fields
from simulations.kernels.second_moments import pair_sums
from simulations.tokens import Floats, Tokens

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: Newton steps towards a minimum that exists, and before it is asked whether it does.
_MOST_STEPS, _FIRST_STEPS = 60, 10

#: Share of the samples that may be left out as predicted too well or too badly.
_LEFT_OUT = 0.25

#: Share of the least curvature that the others must keep.
_SHARE = 0.25

#: Eigenvalues of the second moments below this, relative to the largest, are none.
_FLAT = 1e-10

#: Slopes along a direction, relative to the first, from where on they die out, and are none.
_DYING, _ENDED = 1e-4, 1e-10

#: Differences of fields, relative to the largest margin, that are none.
_ROUNDING = 1e-8

# What overflows is not proven.
_QUIET = np.errstate(over="ignore", invalid="ignore", under="ignore")

#: Losses that know their derivatives; those of others are taken by differences.
KNOWN = (CrossEntropy, SquaredError)

_EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Rows:
    """The objectives Σ_μ ℓ(s_i^μ, Σ_j w_j U s_j^μ) + (decay/2) |w|² of many sites i.

    Points and gradients are arrays (sites, rows), zero at the sites i.

    Parameters
    ----------
    loss : Loss
        ℓ.
    tokens : uint8 array (samples, sites)
        Training sequences.
    values : array (colors, colors)
        U.
    decay : float
        Weight decay, L λ.
    rows : int array (rows,)
        The sites i.
    """

    loss: Loss
    tokens: Tokens
    values: Floats
    decay: float
    rows: NDArray[np.int64]

    @property
    def colors(self) -> int:
        """C."""
        return len(self.values)

    @cached_property
    def reach(self) -> float:
        """How far w can move, in any direction, with differences of fields changing by 1/2."""
        widest = float(np.ptp(self.values, axis=0).max())
        return 0.5 / (np.sqrt(self.tokens.shape[1]) * widest) if widest > 0 else np.inf

    @cached_property
    def inputs(self) -> Floats:
        """What the loss sees of U: all of it, or without the part common to all colours."""
        if isinstance(self.loss, KNOWN) or not sees_common_part(self.loss, self.colors):
            return np.asarray(self.values - self.values.mean(axis=0))
        return self.values

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
        slope = gathered(self.tokens, answers @ self.values)[:, 0] + self.decay * point
        sums = gathered(self.tokens, np.abs(answers) @ np.abs(self.values))[:, 0]
        slope[self.rows[column]] = 0.0
        # Errors of the fields are relative errors of what tends to zero with them.
        rounding = 2 + np.linalg.norm(point) * np.abs(self.values).max()
        return slope, float(_EPSILON * (rounding * np.linalg.norm(sums)))

    @cached_property
    def blur(self) -> float:
        """The rounding error of second derivatives in z that are taken by differences."""
        if isinstance(self.loss, KNOWN):
            return 0.0
        first = np.eye(self.colors)[:1]
        steepest = float(np.abs(self.loss.gradient(np.zeros_like(first), first)).max())
        return _EPSILON / STEP * self.colors * steepest

    def hessian(self, point: Floats, column: int) -> Floats:
        """Return the second derivatives of one row, without the weight decay."""
        samples, sites = self.tokens.shape
        total, block = np.zeros((sites, sites)), max(1, _LARGEST // self.colors**2)
        for first in range(0, samples, block):
            part = self.tokens[first : first + block]
            fields = local_fields(part, point[None], self.values)[:, 0]
            bend = self._bend(fields, np.eye(self.colors)[part[:, self.rows[column]]])
            total += pair_sums(part, np.arange(sites), self.values.T @ bend @ self.values)
        return total

    def hessian_within(self, point: Floats, column: int, basis: Floats) -> Floats:
        """Return the same in a basis of the other sites, which is narrow."""
        others = np.ascontiguousarray(self.tokens[:, _others(self, column)])
        fields = self.fields(point[:, None])
        bend = self._bend(fields, self.seen(np.array([column])))[:, 0]
        # Fields are linear: along a vector of the basis they change by those of that vector.
        along = local_fields(others, np.ascontiguousarray(basis.T), self.values)
        turned = (along @ bend).transpose(1, 0, 2).reshape(len(basis.T), -1)
        total: Floats = turned @ along.transpose(1, 0, 2).reshape(len(basis.T), -1).T
        return (total + total.T) / 2

    def flattest(self, points: Floats, columns: NDArray[np.int64]) -> Floats:
        """Return the least curvature in z, for every sequence and row, in what the loss sees."""
        fields = self.fields(points)
        if isinstance(self.loss, KNOWN):
            return self.loss.flattest(fields)
        bend = self._bend(fields, self.seen(columns))
        return np.maximum(flattest(bend, self.inputs is not self.values) - self.blur, 0.0)

    def span(self, column: int) -> Floats | None:
        """Return an orthonormal basis of what the fields see of w; None if they see all of it.

        Entries belong to the other sites. The rest of w has neither fields nor, in a minimum
        that starts from zero, values.
        """
        sites = self.tokens.shape[1]
        others = np.arange(sites) != self.rows[column]
        if self.few:
            inputs = self.inputs[:, self.tokens[:, others]].reshape(-1, sites - 1)
            _, lengths, vectors = np.linalg.svd(inputs, full_matrices=False)
            return np.ascontiguousarray(vectors[lengths**2 > _FLAT * lengths[0] ** 2].T)
        if self.levels[0] > _FLAT * self.levels[-1]:
            return None
        levels, vectors = np.linalg.eigh(self.moments[np.ix_(others, others)])
        return np.ascontiguousarray(vectors[:, levels > _FLAT * levels[-1]])

    def _bend(self, fields: Floats, seen: Floats) -> Floats:
        if isinstance(self.loss, KNOWN):
            return self.loss.curvature(fields, seen)
        return curvature(self.loss, fields, seen)


@_QUIET
def reviewed(rows: Rows, minimum: Minimum, tolerance: float) -> Minimum:
    """Return a minimisation of which the statuses hold.

    A row that is "converged" is within √tolerance |w| of its minimiser; if need be, Newton steps
    have brought it there. Without weight decay a row without a minimiser is "diverged", and no
    other is. Where the minimiser is not unique it is the shortest.
    """
    points, slopes = minimum.points.copy(), minimum.slopes.copy()
    residuals, evaluations = minimum.residuals.copy(), minimum.evaluations.copy()
    statuses = minimum.statuses.copy()
    settled = (statuses != "converged") & ((statuses == "diverged") | (rows.decay > 0))
    settled |= near(rows, points, slopes, tolerance)
    for r in np.nonzero(~settled)[0]:
        arrived = statuses[r] == "converged"
        close, limit = np.sqrt(tolerance), _MOST_STEPS if rows.decay > 0 else _FIRST_STEPS
        found = _newton(rows, points[:, r], int(r), close, limit if arrived else 0)
        if not found.exists and rows.decay == 0 and lacks_minimiser(rows, points[:, r], int(r)):
            statuses[r] = "diverged"
            continue
        if not arrived or (not found.slope.any() and not isinstance(rows.loss, KNOWN)):
            # A loss of the user's may be constant, and least, from some point on.
            continue
        if not found.near and rows.decay == 0:
            again = _newton(rows, found.point, int(r), close, _MOST_STEPS)
            found = again._replace(steps=found.steps + again.steps)
        if not found.near:
            statuses[r] = "max-steps"
        elif found.steps:
            before = np.linalg.norm(slopes[:, r])
            residuals[r] *= np.linalg.norm(found.slope) / before if before > 0 else 1.0
            points[:, r], slopes[:, r] = found.point, found.slope
            evaluations[r] += found.steps
    return Minimum(points, residuals, evaluations, statuses, slopes)


@_QUIET
def near(rows: Rows, points: Floats, slopes: Floats, tolerance: float) -> NDArray[np.bool_]:
    """Tell which rows are proven, without their Hessians, to be within √tolerance |w|.

    A row of w = 0 and no gradient is a minimum, whatever the curvature.
    """
    lengths, steep = np.linalg.norm(points, axis=0), np.linalg.norm(slopes, axis=0)
    radius = np.sqrt(tolerance) * lengths
    proven: NDArray[np.bool_] = steep <= rows.decay * radius
    if rows.decay == 0:
        proven = (steep == 0) & (lengths == 0)
    doubtful = np.nonzero(~proven & np.isfinite(steep) & (lengths > 0))[0]
    if doubtful.size and rows.levels[0] > _FLAT * rows.levels[-1]:
        samples, sites = rows.tokens.shape
        noise = _EPSILON * samples * np.sqrt(sites) * np.abs(rows.values).max()
        radius = np.minimum(radius, rows.reach)
        needed = np.exp(radius / rows.reach) * (steep + noise) / radius
        proven[doubtful] = _held_by_many(rows, points, needed, doubtful)
    return proven


@_QUIET
def exists(rows: Rows, points: Floats, slopes: Floats) -> NDArray[np.bool_]:
    """Tell which rows have a minimiser, without weight decay."""
    steep = np.linalg.norm(slopes, axis=0)
    proven: NDArray[np.bool_] = (steep == 0) & np.all(points == 0, axis=0)
    doubtful = np.nonzero(~proven & np.isfinite(steep))[0]
    if doubtful.size and rows.levels[0] > _FLAT * rows.levels[-1]:
        proven[doubtful] = _held_by_many(rows, points, np.e * steep / rows.reach, doubtful)
    for r in np.nonzero(~proven)[0]:
        found = _newton(rows, points[:, r], int(r), np.inf, 0)
        proven[r] = found.exists or not lacks_minimiser(rows, points[:, r], int(r))
    return proven


@_QUIET
def near_by_hessian(rows: Rows, point: Floats, column: int, tolerance: float) -> bool:
    """Tell whether the Hessian of a row proves it to be within √tolerance |w|."""
    return bool(_newton(rows, point, column, np.sqrt(tolerance), 0).near)


@_QUIET
def lacks_minimiser(rows: Rows, point: Floats, column: int) -> bool:
    """Tell whether a row has no finite minimiser without weight decay.

    The squared error always has one. For the cross-entropy a direction of recession decides. A
    loss of the user's need not fall for ever along it: it is followed from w = 0 to see whether
    it rises again or comes to an end.
    """
    if isinstance(rows.loss, SquaredError):
        return False
    others = _others(rows, column)
    matrix = margins(rows.tokens, int(rows.rows[column]), rows.values)
    if isinstance(rows.loss, CrossEntropy) and separates(matrix, point[others]):
        return True
    direction = recession_direction(matrix)
    if direction is None or isinstance(rows.loss, CrossEntropy):
        return direction is not None
    return _recedes(rows, _spread(direction / np.abs(matrix @ direction).max(), others), column)


def _recedes(rows: Rows, along: Floats, column: int) -> bool:
    """Tell whether a loss falls for ever from w = 0 on, along a w whose largest margin is one.

    It must not rise, and that of some sequence must go on falling, or do so ever less: one that
    comes to an end, as a hinge does, is least from there on.
    """
    lengths = 1.2 ** np.arange(127) - 1
    fields = rows.fields(along[:, None])
    moved = np.ptp(fields, axis=-1)[:, 0] > _ROUNDING
    seen = rows.seen(np.full(len(lengths), column))
    answers = rows.loss.gradient(fields * lengths[:, None], seen)
    slopes = np.sum(answers * fields, axis=-1)[moved]
    first = np.abs(slopes[:, :1])
    if not np.all(slopes.sum(axis=0) <= _ENDED * first.sum()):
        return False
    dying = (-slopes > _ENDED * first) & (-slopes < _DYING * first)
    return bool(np.any(dying | (-slopes[:, -1:] > _ENDED * first)))


def _held_by_many(
    rows: Rows, points: Floats, needed: Floats, columns: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which rows have the curvature that is needed by sequences of enough curvature alone.

    If the others have c or more each, the Hessian is at least c times their second moments. Those
    of all sites bound those without site i from below.
    """
    samples, proven = len(rows.tokens), np.zeros(len(columns), dtype=bool)
    left_out = np.empty((samples, len(columns)), dtype=bool)
    size = rows.colors if isinstance(rows.loss, KNOWN) else rows.colors**2
    width = max(1, _LARGEST // (samples * size))
    for first in range(0, len(columns), width):
        part = slice(first, first + width)
        flattest = rows.flattest(points[:, columns[part]], columns[part])
        proven[part] = flattest.min(axis=0) * rows.levels[0] >= needed[columns[part]]
        left_out[:, part] = flattest * (rows.levels[0] * _SHARE) < needed[columns[part]]
    count = left_out.sum(axis=0)
    asked = np.nonzero(~proven & (count <= _LEFT_OUT * samples))[0]
    _hold_together(rows, left_out, asked[np.argsort(count[asked])], proven)
    return proven


def _hold_together(
    rows: Rows, left_out: NDArray[np.bool_], asked: NDArray[np.int64], proven: NDArray[np.bool_]
) -> None:
    """Set `proven` where the sequences that are not left out have a share of all the moments.

    What holds without the sequences that any of the rows leaves out holds for each of them, so
    that one matrix serves many rows; where it does not hold, half of them are tried.
    """
    if not asked.size:
        return
    some: NDArray[np.bool_] = np.any(left_out[:, asked], axis=1)
    if some.sum() <= _LEFT_OUT * len(some):
        lost = pair_sums(rows.tokens[some], np.arange(rows.tokens.shape[1]), rows.overlap)
        proven[asked] = definite(rows.moments - lost, _SHARE * rows.levels[0])
    if len(asked) > 1 and not proven[asked[0]]:
        for half in np.array_split(asked, 2):
            _hold_together(rows, left_out, half, proven)


def _newton(rows: Rows, point: Floats, column: int, close: float, most: int) -> Approach:
    """Take at most `most` Newton steps of one row until it is near the minimiser (see `approach`).

    In the coordinates that the fields see: what no field sees is zero in the shortest minimiser.
    """
    others, basis = _others(rows, column), rows.span(column)

    def whole(seen: Floats) -> Floats:
        return _spread(seen if basis is None else basis @ seen, others)

    def part(entries: Floats) -> Floats:
        return entries[others] if basis is None else basis.T @ entries[others]

    def look(seen: Floats) -> Local:
        slope, noise = rows.gradient(whole(seen), column)
        if basis is not None and rows.few:
            bend = rows.hessian_within(whole(seen), column, basis)
        else:
            bend = rows.hessian(whole(seen), column)[np.ix_(others, others)]
            if basis is not None:
                bend = basis.T @ bend @ basis
        bend += rows.decay * np.eye(len(bend))
        return Local(part(slope), noise, bend, rows.blur * rows.levels[-1] if rows.blur else 0.0)

    def turn(move: Floats) -> float:
        return float(np.ptp(rows.fields(whole(move)[:, None]), axis=-1).max())

    found = approach(look, turn, part(point), close, rows.reach, most)
    return found._replace(point=whole(found.point), slope=whole(found.slope))


def _others(rows: Rows, column: int) -> NDArray[np.bool_]:
    others: NDArray[np.bool_] = np.arange(rows.tokens.shape[1]) != rows.rows[column]
    return others


def _spread(entries: Floats, others: NDArray[np.bool_]) -> Floats:
    """Return the entries of the other sites as an array over all sites."""
    whole = np.zeros(len(others))
    whole[others] = entries
    return whole
