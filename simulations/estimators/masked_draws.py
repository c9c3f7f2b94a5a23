"""Rows trained on masks that are drawn once: each on the sequences in which its site is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from replica.problem import Masking
from simulations.estimators.minimiser import Training, trained
from simulations.estimators.objective import Rows
from simulations.sequences.masks import Hidden, hide, masks
from simulations.tokens import Floats


def minimise_draws(
    rows: Rows,
    masking: Masking,
    seed: int | np.random.SeedSequence,
    tolerance: float,
    max_steps: int,
) -> tuple[Training, Floats]:
    """Return rows at the minimum of Σ_μ (1/pK) Σ_k ℓ + (L λ / 2) |w|², and their training losses.

    Times pK this is the objective of a row without masks, of other sequences and with the weight
    decay pKλ.

    Parameters
    ----------
    rows : Rows
        The objectives without masks, of sequences that have a symbol for what is missing.
    masking : Masking
        Rate p and draws K.
    seed : int or SeedSequence
        Source of the masks.
    tolerance, max_steps
        As in `train`.
    """
    hidden = masks(len(rows.tokens), rows.sites, masking, seed)
    parts, losses = [], []
    for number in range(len(rows.rows)):
        one = _of_one(rows, hidden, number, masking)
        if not len(one.tokens):
            parts.append(_untrained(one))
            losses.append(np.nan)
            continue
        minimum = one.loss.minimise(one, tolerance, max_steps)
        parts.append(trained(one, minimum))
        shown = one.seen(np.zeros(1, dtype=np.int64))
        losses.append(float(one.loss.expected(one.fields(minimum.points), shown).mean()))
    return Training.joined(parts), np.array(losses)


def _of_one(rows: Rows, hidden: Hidden, number: int, masking: Masking) -> Rows:
    """Return the objective of one row on all draws that hide its site."""
    site = rows.rows[number]
    draw, sample = np.nonzero(hidden[:, :, site])
    tokens = rows.tokens[sample]
    others = hidden[draw, sample]
    others[:, site] = False
    tokens[:, : rows.sites] = hide(tokens[:, : rows.sites], others, rows.colors)
    decay = masking.rate * masking.draws * rows.decay
    return replace(rows, tokens=tokens, decay=decay, rows=rows.rows[number : number + 1])


def _untrained(row: Rows) -> Training:
    """Return a row that no mask hides, at w = 0, where it is shortest."""
    weights, bias = np.zeros((1, row.sites)), np.zeros((1, row.colors)) if row.bias else None
    residuals, evaluations = np.zeros(1), np.zeros(1, dtype=np.int64)
    statuses = np.array(["converged"], dtype=object)
    return Training(weights, row.rows, residuals, evaluations, statuses, bias)
