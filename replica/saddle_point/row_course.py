"""The coupling side of a training: the row after every step, in the eigenbasis of the data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from replica.arrays import Matrix, Vector
from replica.ensembles.given_couplings import RowSpectrum
from replica.ensembles.spectrum import Spectrum


class Answer(NamedTuple):
    """What the samples answer to the fields of one step t, times α, per colour mode.

    Attributes
    ----------
    drive : array (modes,)
        α E y·P_k g_t, by which the masked tokens pull.
    response : array (modes, t + 1)
        r_k(t, s) = α E tr P_k ∂g_t/∂ξ_s for every step s up to t.
    energy : array (modes, t + 1)
        α E P_k g_t·g_s.
    """

    drive: Vector
    response: Matrix
    energy: Matrix


class Step(NamedTuple):
    """How the next row follows: w_{t+1} = keep w_t + carry w_{t-1} + rate (1/L) Σ_μ X_μ g_t."""

    keep: float
    carry: float
    rate: float


class RowCourse:
    """w_t = a_t w* + Σ_s b_ts Σ_k S_k^{1/2} u_s, where S_k = u_k² G_k (THEORY.md, section 18).

    The u_s are Gaussian with a covariance α E P_k g_s·g_s' in mode k. With what the samples answer
    to step t,

        a_{t+1} = keep a_t + carry a_{t-1} + rate Σ_k S_k [drive_k + Σ_s r_k(t, s) a_s],
        b_{t+1,s} = keep b_ts + carry b_{t-1,s} + rate [δ_ts + Σ_k S_k Σ_s' r_k(t, s') b_s's] .

    Attributes
    ----------
    m, memory, overlap : arrays
        m_k(t) (modes, steps + 1); R_k(t, s) = <S_k b_ts> and Q_k(t, s), the covariance of the
        fields (modes, steps + 1, steps + 1).
    norms : array (steps + 1, steps + 1)
        w_t·w_s.
    teacher_overlap : array (steps + 1,)
        w*·w_t.
    """

    def __init__(self, spectrum: Spectrum, steps: int) -> None:
        modes, nodes = spectrum.covariances.shape
        self._weights, self._teacher = spectrum.weights, spectrum.teacher
        self._cross = spectrum.cross if isinstance(spectrum, RowSpectrum) else spectrum.teacher
        self._scaled = spectrum.scaled
        self._a = np.zeros((nodes, steps + 1))
        self._b = np.zeros((nodes, steps + 1, steps))
        self._energy = np.zeros((modes, steps, steps))
        self.taken = 0
        self.m = np.zeros((modes, steps + 1))
        self.memory = np.zeros((modes, steps + 1, steps + 1))
        self.overlap = np.zeros((modes, steps + 1, steps + 1))
        self.norms = np.zeros((steps + 1, steps + 1))
        self.teacher_overlap = np.zeros(steps + 1)

    def advance(self, answer: Answer, step: Step) -> None:
        """Take a step."""
        t, scaled = self.taken, self._scaled
        a, b = self._a, self._b
        self._energy[:, t, : t + 1] = self._energy[:, : t + 1, t] = answer.energy
        pull = answer.drive[:, None] + answer.response @ a[:, : t + 1].T
        a[:, t + 1] = step.keep * a[:, t] + step.rate * np.sum(scaled * pull, axis=0)
        # What the samples remember of noise, an array (nodes, modes, t).
        echo = answer.response @ b[:, : t + 1, :t]
        b[:, t + 1, :t] = step.keep * b[:, t, :t] + step.rate * np.einsum(
            "ki,iks->is", scaled, echo
        )
        b[:, t + 1, t] = step.rate
        if t:
            a[:, t + 1] += step.carry * a[:, t - 1]
            b[:, t + 1, :t] += step.carry * b[:, t - 1, :t]
        self.taken = t + 1
        self._observe(t + 1)

    def _observe(self, t: int) -> None:
        """Average what fields and observables need of the row w_t."""
        scaled, teacher, a, b = self._scaled, self._teacher, self._a, self._b
        known = slice(0, t + 1)
        noise = np.einsum("ki,kis->is", scaled, b[:, t, :t] @ self._energy[:, :t, :t])
        # Covariances of w_t with every earlier row, along each eigenvector.
        spread = (b[:, known, :t] @ noise[:, :, None])[:, :, 0] * self._weights[:, None]
        spread += (teacher * a[:, t])[:, None] * a[:, known]
        self.m[:, t] = scaled @ (teacher * a[:, t])
        self.memory[:, t, :t] = scaled @ (self._weights[:, None] * b[:, t, :t])
        self.overlap[:, t, known] = self.overlap[:, known, t] = scaled @ spread
        self.norms[t, known] = self.norms[known, t] = spread.sum(axis=0)
        self.teacher_overlap[t] = self._cross @ a[:, t]
