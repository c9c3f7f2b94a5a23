"""The whole attention matrix: its spectrum, and what stands out of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles import answering
from replica.ensembles.whole_sequences import WholeSequences
from replica.predictions.attention_outliers import OUTLIERS, Trained, outliers
from replica.predictions.noisy_attention import EXACT, noisy_attention
from replica.predictions.shown_spectrum import ShownSpectrum
from replica.problem import Problem
from replica.saddle_point.status import Status
from replica.spectra.resolvent import powers, resolvent
from replica.spectra.silverstein import SampledSpectrum, finer_spectra
from replica.validation import invalid, numbers

#: The error that asks for no more points.
_ENOUGH = 1e-11


@dataclass(frozen=True, eq=False)
class AttentionSpectrum(ShownSpectrum):
    """The attention of all sites as L → ∞ (THEORY.md, sections 19 and 20).

    With the squared error A = I - diag(P)^{-1} P, P = (Σ_μ Σ_c x xᵀ + Lλ)^{-1}, so that A and the
    covariance of the sequences, (1/M) Σ_μ Σ_c x xᵀ/(C-1), x_j = (K0 s_j)_c, have the same
    eigenvectors: `attention` maps the eigenvalues of the one to those of the other. With another
    loss A stands for (A + Aᵀ)/2.

    Attributes
    ----------
    problem : Problem
        What was asked for.
    eigenvalues, density, cumulative : arrays (points,)
        Points of the spectrum of A in ascending order, its density there, and the share of smaller
        eigenvalues.
    edges : array (intervals, 2)
        The ends of the spectrum, but for an atom.
    atom, atom_share : float
        The eigenvalue that many directions share which no sequence has shown, and their share;
        NaN and 0 where there is none.
    moments : array (4,)
        tr A^k/L for k = 1 to 4; the first is 0, the second |A_i|², the mean over rows.
    diagonal, decay, scale : float
        L P_ii; the weight decay in P, λ unless there are masks or another loss; and what
        multiplies A then.
    coupling_error : float
        |A - A*|²/|A*|², as `solve` tells it of a row; NaN where A* is not known or vanishes.
    outlier, overlap : float
        The largest eigenvalue of A, the least for β < 0: that of a planted pattern, and the squared
        overlap of its eigenvector with the pattern, or the edge of the spectrum, and 0. NaN where
        there is no pattern that could stand out.
    pca_outlier, pca_overlap : float
        The same of the covariance of the sequences, of the same eigenvectors.
    onehot_outlier, onehot_overlap : float
        The same of the covariance of the L (C-1) components of centred one-hot tokens, (C-1)-fold.
    spike_threshold, onehot_threshold : float
        The θ from which on a pattern stands out of A and of the sequences' covariance, and out of
        that of one-hot tokens; NaN where none does.
    alpha_threshold : float
        The α from which on the planted pattern stands out of A; NaN where it never does, and of
        another loss than the squared error, where it is not sought.
    uniform_outlier, uniform_overlap : float
        The same as `outlier` of the direction (1, …, 1), without a pattern; NaN where its share of
        G is no eigenvalue beyond the others, as for up to four colours.
    residual : float
        Of Silverstein's equation at the points, and of the resolvent's; with another loss than the
        squared error, of the saddle point of a row.
    quadrature_error : float
        How far the averages over the points are from what is known of them exactly: the mass is 1,
        the trace 0, and the second moment the derivative of the resolvent, relative to it. With
        another loss it is that of the rows, and the error of their solution counts, too.
    status : str
        "converged" where both are below 1e-9, else "max-steps"; of another loss that of its row
        where that has no solution, and then there are no points and all else of A is NaN.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, attention_spectrum
    >>> planted = PottsTokens(colors=3, beta=1.5, spike=1.5)
    >>> found = attention_spectrum(Problem(4.0, 0.1, planted, "squared-error"))
    >>> found.status, round(found.outlier, 3), round(found.overlap, 3)
    ('converged', 0.879, 0.535)
    """

    problem: Problem
    eigenvalues: Vector
    density: Vector
    cumulative: Vector
    edges: Matrix
    atom: float
    atom_share: float
    moments: Vector
    diagonal: float
    decay: float
    scale: float
    coupling_error: float
    outlier: float
    overlap: float
    pca_outlier: float
    pca_overlap: float
    onehot_outlier: float
    onehot_overlap: float
    spike_threshold: float
    onehot_threshold: float
    alpha_threshold: float
    uniform_outlier: float
    uniform_overlap: float
    residual: float
    quadrature_error: float
    status: str

    def attention(self, covariance: Any) -> Any:
        """Return the eigenvalues of A of eigenvalues of the sequences' covariance.

        Raises
        ------
        ValueError
            If the loss is another one than the squared error: its A has eigenvectors of its own.
            If a covariance has no such eigenvalue.
        """
        if self.problem.loss != "squared-error":
            allowed = "squared-error, whose eigenvectors are those of the covariance"
            raise invalid("loss", self.problem.loss_name, allowed)
        allowed = "one or more eigenvalues, 0 or greater"
        values = numbers("covariance", covariance, allowed)
        if np.any(values < 0.0):
            raise invalid("covariance", covariance, allowed)
        ratio = self.problem.alpha * answering(self.problem.data, "whole").whole.observed
        return Trained(self.diagonal, self.decay, self.scale).of(np.multiply(ratio, values))

    def values(self) -> dict[str, Any]:
        """Return the numbers of a line of a table, by name."""
        told = {name: getattr(self, name) for name in _TOLD}
        edges = {"edges": self.edges.ravel()}
        moments = {f"moment_{k}": float(self.moments[k - 1]) for k in (2, 3, 4)}
        state = {name: getattr(self, name) for name in ("residual", "quadrature_error", "status")}
        return {**edges, **told, **moments, **state}


#: The numbers of a line of a table.
_TOLD = ("atom", "atom_share", "coupling_error", *OUTLIERS)


@np.errstate(all="ignore")
def attention_spectrum(problem: Problem) -> AttentionSpectrum:
    """Return the spectrum of the whole attention matrix.

    That of another loss than the squared error is the spectrum of (A + Aᵀ)/2; the entries of A and
    of its transpose have noise apart (THEORY.md, section 20).

    Parameters
    ----------
    problem : Problem
        With the squared error and one token masked at a time, or masks that are drawn anew in
        every epoch; PottsTokens with Gaussian couplings and U = I, with a pattern or without,
        GaussianTokens in whole sequences (joint=True), or CustomTokens, whose covariance then is
        that of whole sequences, with eigenvectors in no relation to the sites. With another loss
        PottsTokens without masks.

    Returns
    -------
    AttentionSpectrum
        Of the limit L → ∞ at fixed α.

    Raises
    ------
    ValueError
        If the problem has masks that are drawn once, data of which whole sequences are not known,
        or no weight decay and no more samples than sites.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, attention_spectrum
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(3, 1.5), loss="squared-error")
    >>> attention_spectrum(problem).edges.round(3)
    array([[-1.813,  0.845]])
    """
    whole, decay, scale = _checked(problem)
    ratio = problem.alpha * whole.observed
    if problem.loss != "squared-error":
        noisy = noisy_attention(problem, whole)
        seen = outliers(problem.alpha, whole, Trained(noisy["diagonal"], decay, scale))
        return AttentionSpectrum(**{"problem": problem, **seen, **noisy})
    R = resolvent(whole.values, whole.weights, ratio, decay)
    # Numbers of numpy's, which overflow without an exception.
    trained = Trained(np.float64(R.diagonal), np.float64(decay), np.float64(scale))
    norm2 = float(trained.scale**2 * R.spread)
    error = math.inf
    for S in finer_spectra(whole.population, ratio):
        points = trained.of(S.eigenvalues)
        atom = float(trained.of(0.0)) if S.atom else math.nan
        means = [(S.measure * points**k).sum() + (S.atom and S.atom * atom**k) for k in range(5)]
        unlike = means[0] - 1.0, means[1] / trained.scale, means[2] / np.float64(norm2) - 1.0
        before, error = error, float(np.abs(unlike).max())
        # What more points do not improve is rounding.
        if error < _ENOUGH or (error < 1e-3 and not error < 0.5 * before):
            break
    edges, residual = trained.of(S.edges), max(S.residual, R.residual)
    if not error < EXACT:
        # Next to as many observations as sites a few eigenvalues far below make all of them.
        inverse = powers(whole.values, whole.weights, decay, R.weight)
        share = np.append(1.0, inverse) / np.float64(R.diagonal) ** np.arange(5)
        means[3:] = [scale**k * sum(math.comb(k, j) * (-1) ** j * share[j] for j in range(k + 1))
                     for k in (3, 4)]  # fmt: skip
    exact = error < EXACT and residual < EXACT
    return AttentionSpectrum(
        problem=problem,
        eigenvalues=joined(points, edges),
        density=_density(S, trained),
        cumulative=joined(S.below, S.shares),
        edges=edges,
        atom=atom,
        atom_share=S.atom,
        moments=np.array([0.0, norm2, *means[3:]]),
        diagonal=R.diagonal,
        decay=decay,
        scale=scale,
        coupling_error=_coupling_error(whole, R.weight, norm2, trained),
        **outliers(problem.alpha, whole, trained),
        residual=residual,
        quadrature_error=error,
        status=str(Status.CONVERGED if exact else Status.MAX_STEPS),
    )


def _checked(problem: Problem) -> tuple[WholeSequences, float, float]:
    """Return what is known of whole sequences, the weight decay in P, and the factor of A."""
    if not isinstance(problem, Problem):
        raise invalid("problem", problem, "a Problem")
    whole = answering(problem.data, "whole").whole
    decay, scale = problem.lam, 1.0
    if problem.masking is not None:
        if not problem.masking.dynamic:
            allowed = "dynamic, or one token at a time: of other masks every row has its own sample"
            raise invalid("masking", str(problem.masking), allowed)
        rate, kept = problem.masking.rate, 1.0 - problem.masking.rate
        noise = problem.alpha * rate * kept * whole.observed * whole.population.mean
        decay, scale = (problem.lam + noise) / kept**2, 1.0 / kept
    if decay == 0.0 and problem.alpha * whole.observed <= 1.0:
        allowed = "greater than 0 where there are no more observations than sites"
        raise invalid("lam", problem.lam, allowed)
    return whole, decay, scale


def _density(S: SampledSpectrum, trained: Trained) -> Vector:
    """Return the density of eigenvalues of A of that of S; at an end s = 0 it diverges."""
    slope = trained.scale / (trained.diagonal * (S.eigenvalues + trained.decay) ** 2)
    return joined(S.density / slope, np.where(S.edges > 0.0, 0.0, np.inf))


def _coupling_error(whole: WholeSequences, weight: float, norm2: float, trained: Trained) -> float:
    """Return |A - A*|²/|A*|²; A is 1 - (λ + V̂G)^{-1}/p beside functions of G."""
    if whole.true is None or not np.any(whole.true):
        return math.nan
    diagonal, decay, scale = trained
    mean = whole.weights / (decay + weight * whole.values)
    overlap = -scale / diagonal * float(mean @ whole.true)
    true2 = whole.weights @ whole.true**2
    return float((true2 - 2.0 * overlap + norm2) / true2)


def joined(within: Matrix, ends: Matrix) -> Vector:
    """Return what belongs to the points and to the ends of every interval, in ascending order."""
    return np.hstack([ends[:, :1], within, ends[:, 1:]]).ravel()
