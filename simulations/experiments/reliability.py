"""How often trained rows are right, given how sure they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from replica.immutable import Immutable
from replica.validation import integer, positive
from simulations.estimators.minimiser import Training
from simulations.experiments.measure import check_rows
from simulations.kernels.local_fields import local_fields, softmax
from simulations.sequences.independent import IndependentRow
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, Tokens, checked_tokens, seen

#: Numbers in the largest array that is made, and the most bins.
_LARGEST, _MOST_BINS = 4_000_000, 1000


@dataclass(frozen=True, eq=False)
class MeasuredReliability(Immutable):
    """The reliability of the probabilities softmax(z/T) on fresh sequences, in bins of confidence.

    As `replica.predictions.reliability` predicts it, all rows together. The confidence of a
    prediction is the largest of its probabilities. A bin without predictions has NaN.

    Attributes
    ----------
    edges : array (bins + 1,)
        From 1/C to 1.
    share : array (bins,)
        Share of the predictions in a bin.
    confidence : array (bins,)
        Their mean confidence.
    right : array (bins,)
        Probability that they are right, by the true conditional law.
    right_error : array (bins,)
        Its standard error over the sequences, of the given rows.
    calibration_error : float
        Expected calibration error, Σ share |right - confidence|.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, reliability, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> rows = train(sample(model, 40, seed=1), 3, lam=0.01)
    >>> found = reliability(model, rows, sample(model, 500, seed=2), bins=4)
    >>> bool(found.right[-1] < found.confidence[-1])  # too sure of themselves
    True
    """

    edges: Floats
    share: Floats
    confidence: Floats
    right: Floats
    right_error: Floats
    calibration_error: float


def reliability(
    model: PottsModel | IndependentRow,
    training: Training,
    tokens: Tokens,
    bins: int = 20,
    temperature: float = 1.0,
) -> MeasuredReliability:
    """Measure how often predictions of a given confidence are right.

    Parameters
    ----------
    model : PottsModel or IndependentRow
        The model of the sequences, whose conditional law takes the place of the masked token.
    training : Training
        Trained rows.
    tokens : uint8 array (samples, sites)
        Fresh sequences, two or more.
    bins : int
        Number of bins of equal width, 1 to 1000.
    temperature : float
        T.

    Returns
    -------
    MeasuredReliability
        Confidence, P(right | confidence) and expected calibration error.

    Raises
    ------
    ValueError
        If an argument is not allowed, or model, rows and sequences do not fit together.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, reliability, sample, train
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> rows = train(sample(model, 40, seed=1), 3, lam=0.01)
    >>> found = reliability(model, rows, sample(model, 500, seed=2), bins=4)
    >>> found.share.shape, found.calibration_error > 0.1
    ((4,), True)
    """
    check_rows(training, model)
    tokens = checked_tokens(tokens, model.sites, model.colors, "tokens", 2)
    count, T = integer("bins", bins, 1, _MOST_BINS), positive("temperature", temperature)
    edges = np.linspace(1 / model.colors, 1, count + 1)
    # By sequence and bin: how many predictions, the sum of their confidences, and of the right.
    sums = np.zeros((3, len(tokens), count))
    every, values = np.arange(len(tokens))[:, None], seen(model.values)
    pull = getattr(model, "teacher_bias", None)
    step = max(1, _LARGEST // (len(tokens) * model.colors))
    for first in range(0, len(training.rows), step):
        block = slice(first, first + step)
        rows = training.rows[block]
        true = local_fields(tokens, model.teacher[rows], values)
        truth = softmax(true if pull is None else true + pull[rows])
        fields = local_fields(tokens, training.weights[block], values)
        guess = softmax((fields if training.bias is None else fields + training.bias[block]) / T)
        confidence, best = guess.max(axis=-1), guess.argmax(axis=-1)
        right = np.take_along_axis(truth, best[..., None], axis=-1)[..., 0]
        places = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, count - 1)
        for total, each in zip(sums, (np.ones_like(right), confidence, right), strict=True):
            np.add.at(total, (every, places), each)
    number, sure, hits = sums.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = hits / number
        # The ratio of two means, to first order in the deviations of the sequences.
        off = (sums[2] - right * sums[0]) / number
        confidence = sure / number
    scale = np.sqrt(len(tokens) / (len(tokens) - 1))
    return MeasuredReliability(
        edges=edges,
        share=number / number.sum(),
        confidence=confidence,
        right=right,
        right_error=np.where(number > 0, scale * np.sqrt((off**2).sum(axis=0)), np.nan),
        calibration_error=float(np.abs(hits - sure).sum() / number.sum()),
    )
