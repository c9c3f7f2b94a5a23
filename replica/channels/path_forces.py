"""The channel side of a training with any loss: forces along sampled paths of the fields."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from replica.arrays import Matrix, Vector
from replica.channels.path_signals import own_dimensions, signals_of
from replica.losses.along_paths import PathLoss
from replica.quadrature.field_law import FieldLaw
from replica.quadrature.kernels.paths import LANES, add_row, response
from replica.quadrature.path_noise import path_noise

#: Axes up to which a response is summed over all of them; beyond, one probe a path has it in the
#: mean.
_FEW = 3

#: Variance of a step's fields given those of earlier ones, relative to its own, that is none: rows
#: become smooth in time, and a smaller one would be mostly rounding that later steps magnify.
_NONE = 1e-9


class Forces(NamedTuple):
    """Averages over paths at one step t.

    Attributes
    ----------
    drive, energy : arrays (modes,), (modes, t + 1)
        E pull·P_k g_t and E P_k g_t·g_s.
    response : array (modes, t + 1)
        E tr P_k ∂g_t/∂ξ_s.
    loss : float
        E ℓ(y, h_t), the loss on the training sequences.
    """

    drive: Vector
    energy: Matrix
    response: Matrix
    loss: float


class PathForces:
    """g_t = -∂ℓ(y, h_t), h_t = ω_t + Σ_{s<t} R(t, s) g_s, along paths of Gaussian noise.

    Parameters
    ----------
    law : FieldLaw
        Of the fields.
    loss : PathLoss
        ℓ.
    steps : int
        Steps of a path.
    paths : int
        A power of 2, 16 or greater.
    seed : tuple of int
        Of these paths alone.
    """

    def __init__(
        self, law: FieldLaw, loss: PathLoss, steps: int, paths: int, seed: tuple[int, ...]
    ) -> None:
        self._loss = loss
        self._mode = law.axes[1]
        own, axes, modes = own_dimensions(law), len(self._mode), len(law.dimensions)
        noise = path_noise(paths, own + steps * axes, seed)
        self._signals = signals_of(law, noise[:, :own])
        self._noise = np.ascontiguousarray(
            noise[:, own:].reshape(paths, steps, axes).transpose(1, 2, 0)
        )
        self._probes = _probes(axes, paths, seed)
        self._root = np.zeros((modes, steps + 1, steps + 1))
        self._memory = np.zeros((modes, steps + 1, steps + 1))
        self._forces = np.zeros((steps + 1, axes, paths))
        self._bends = np.zeros((steps + 1, paths // LANES, axes * axes, LANES))

    def answer(self, t: int, m: Matrix, memory: Matrix, overlap: Matrix, last: bool) -> Forces:
        """Return averages over the forces of a step.

        Parameters
        ----------
        t : int
            The step.
        m, memory, overlap : arrays (modes, ...)
            m_s (t + 1), R(t, s) (t) and Q(t, s) (t + 1).
        last : bool
            Whether no step follows: then responses are not asked for, and 0.
        """
        signals, modes = self._signals, self._mode
        self._memory[:, :t, t] = memory
        covariance = overlap - signals.explained * m[:, -1:] * m
        for row, root in zip(covariance, self._root, strict=True):
            add_row(row, root, _NONE)
        # A step has the noise of its own and of earlier ones; that of w = 0 has none.
        h = m[modes, -1, None] * signals.direction
        h += _summed(self._root[:, t, 1 : t + 1], self._noise[:t], modes)
        h += _summed(memory, self._forces[:t], modes)
        bend = self._loss.bend(h, signals.masked)
        self._forces[t] = bend.force
        weights, per_axis = signals.weights, np.eye(len(overlap))[:, modes]
        weighted = weights * bend.force
        energy = per_axis @ np.einsum("ap,sap->as", weighted, self._forces[: t + 1])
        drive = per_axis @ (signals.pull * weighted).sum(axis=1)
        blocks = bend.curvature.reshape(len(modes) ** 2, -1, LANES)
        self._bends[t] = blocks.transpose(1, 0, 2)
        answers = np.zeros((len(overlap), t + 1))
        if not last:
            told = self._bends[: t + 1], weights.reshape(-1, LANES), answers
            response(self._memory, modes, self._probes, *told)
        return Forces(drive, energy, -answers, float(weights @ bend.losses))


def probes(axes: int) -> int:
    """Return how many directions of its fields a path is asked for."""
    return axes if axes <= _FEW else 1


def _probes(axes: int, paths: int, seed: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the unit vectors, or random signs where there are many axes, for every path."""
    if probes(axes) == axes:
        return np.ascontiguousarray(
            np.broadcast_to(np.eye(axes).reshape(1, -1, 1), (paths // LANES, axes**2, LANES))
        )
    signs = np.random.default_rng((*seed, axes)).integers(2, size=(paths // LANES, axes, LANES))
    return np.asarray(2.0 * signs - 1.0, dtype=np.float64)


def _summed(weights: Matrix, history: Matrix, modes: NDArray[np.int64]) -> Matrix:
    """Return Σ_s weights_k(s) history_s, of the mode k of each axis."""
    return np.asarray(np.einsum("as,sap->ap", weights[modes], history))
