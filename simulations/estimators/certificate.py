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

A bias does not decay, but the minimum over it is a function of w alone that is as convex as the
weight decay makes it: at the best bias the gradient in w bounds the distance of w.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulations.estimators.lbfgs import Minimum
from simulations.estimators.newton import Approach, Local, approach, definite
from simulations.estimators.objective import FLAT, Rows
from simulations.kernels.second_moments import pair_sums
from simulations.tokens import Floats

#: Numbers in the largest array that is made.
_LARGEST = 8_000_000

#: Newton steps towards a minimum that exists, and before it is asked whether it does.
_MOST_STEPS, _FIRST_STEPS = 60, 10

#: Share of the samples that may be left out as predicted too well or too badly.
_LEFT_OUT = 0.25

#: Share of the least curvature that the others must keep.
_SHARE = 0.25

# What overflows is not proven.
_QUIET = np.errstate(over="ignore", invalid="ignore", under="ignore")

_EPSILON = float(np.finfo(float).eps)


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
    for r in np.nonzero(rows.absent if rows.bias and not rows.loss.attained else [])[0]:
        if lacks_minimiser(rows, points[:, r], int(r)):
            statuses[r] = "diverged"
    settled = (statuses != "converged") & ((statuses == "diverged") | (rows.decay > 0))
    settled |= near(rows, points, slopes, tolerance)
    for r in np.nonzero(~settled)[0]:
        arrived = statuses[r] == "converged"
        close, limit = np.sqrt(tolerance), _MOST_STEPS if rows.decay > 0 else _FIRST_STEPS
        found = _newton(rows, points[:, r], int(r), close, limit if arrived else 0)
        if not found.exists and rows.decay == 0 and lacks_minimiser(rows, points[:, r], int(r)):
            statuses[r] = "diverged"
            continue
        if not arrived or (not found.slope.any() and rows.loss.may_end):
            # A loss of the user's may be constant, and least, from some point on.
            continue
        if not found.near and rows.decay == 0:
            again = _newton(rows, found.point, int(r), close, _MOST_STEPS)
            found = again._replace(steps=found.steps + again.steps)
        if not found.near:
            statuses[r] = "max-steps"
        elif found.steps or rows.bias:
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
    if rows.bias and rows.decay > 0:
        return _held_by_decay(rows, points, np.sqrt(tolerance))
    proven: NDArray[np.bool_] = steep <= rows.decay * radius
    if rows.decay == 0:
        proven = (steep == 0) & (lengths == 0)
    doubtful = np.nonzero(~proven & np.isfinite(steep) & (lengths > 0))[0]
    if doubtful.size and rows.levels[0] > FLAT * rows.levels[-1]:
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
    if doubtful.size and rows.levels[0] > FLAT * rows.levels[-1]:
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
    """Tell whether a row has no finite minimiser without weight decay (see `Loss`)."""
    return rows.loss.lacks_minimiser(rows, point, column)


def _held_by_decay(rows: Rows, points: Floats, close: float) -> NDArray[np.bool_]:
    """Tell which rows have weights within `close` |w| of the minimiser, with a bias at its best.

    A Newton step leads to the best bias but for about the square of what it changes.
    """
    samples, sites = rows.tokens.shape
    proven = np.zeros(len(rows.rows), dtype=bool)
    widest = float(np.ptp(rows.values, axis=0).max())
    width = max(1, _LARGEST // (samples * rows.colors))
    for first in range(0, len(proven), width):
        columns = np.arange(first, min(first + width, len(proven)))
        moved = points[:, columns]
        bend, slope = rows.bias_derivatives(moved, columns)
        try:
            steps = np.linalg.solve(bend, slope[..., None])[..., 0]
        except np.linalg.LinAlgError:
            continue
        moved[rows.sites :] -= steps.T
        change = np.ptp(rows.biases(moved) - rows.biases(points[:, columns]), axis=0)
        steep = np.linalg.norm(rows.gradients(moved, columns)[: rows.sites], axis=0)
        # What is left of the bias's error changes every field, and so the gradient, by no more.
        left = 2 * samples * np.sqrt(sites) * widest * change**2
        lengths = np.linalg.norm(moved[: rows.sites], axis=0)
        proven[columns] = (change < 0.1) & (steep + left <= rows.decay * close * lengths)
    return proven


def _held_by_many(
    rows: Rows, points: Floats, needed: Floats, columns: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which rows have the curvature that is needed by sequences of enough curvature alone.

    If the others have c or more each, the Hessian is at least c times their second moments. Those
    of all sites bound those without site i from below.
    """
    samples, proven = len(rows.tokens), np.zeros(len(columns), dtype=bool)
    left_out = np.empty((samples, len(columns)), dtype=bool)
    width = max(1, _LARGEST // (samples * rows.loss.numbers_per_token(rows.colors)))
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
    others, basis = rows.others(column), rows.span(column)
    blur = rows.loss.curvature_error(rows.colors)

    def whole(seen: Floats) -> Floats:
        return rows.spread(seen if basis is None else basis @ seen, column)

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
        bend += rows.stiffness(len(bend))
        return Local(part(slope), noise, bend, blur * rows.levels[-1] if blur else 0.0)

    def turn(move: Floats) -> float:
        return float(np.ptp(rows.fields(whole(move)[:, None]), axis=-1).max())

    found = approach(look, turn, part(point), close, rows.reach, most)
    return found._replace(point=rows.shortest(whole(found.point), column), slope=whole(found.slope))
