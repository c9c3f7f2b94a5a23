"""The loss of any attention on fresh sequences, and the least there can be."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from replica.validation import invalid, numbers
from simulations.epochs.masks import Hidden, checked_hidden
from simulations.estimators.cross_entropy import CrossEntropy
from simulations.sequences.potts import PottsModel
from simulations.tokens import Floats, Tokens, checked_tokens

#: Numbers in the largest array that is made.
_LARGEST = 4_000_000


class Predictor(Protocol):
    """Whatever predicts every site of a sequence from the others."""

    def logits(self, tokens: Tokens) -> Floats:
        """Return z, an array (samples, sites, colors)."""


def fresh_loss(
    model: PottsModel, predictor: Predictor, tokens: Tokens, hidden: Hidden | None = None
) -> float:
    """Return the cross-entropy per masked token of any attention on fresh sequences.

    The masked token is averaged over with its exact conditional, as in `measure`; the
    predictor is factored attention, a trained transformer encoder, or anything with a
    method `logits`.

    Parameters
    ----------
    model : PottsModel
        The model of the sequences.
    predictor : object
        With a method `logits(tokens)` that returns an array (samples, sites, colors).
    tokens : uint8 array (samples, sites)
        Fresh sequences, at least one.
    hidden : bool array (samples, sites), optional
        Tokens that are masked besides the one that is predicted, of which a predictor's
        `logits(tokens, hidden)` is told. Drawn with the rate of a training's masks,
        `rng.random(tokens.shape) < rate`, they make it the loss of a token masked among others.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If an argument is not allowed, the sequences are not as the model has them, or the logits
        have another shape or are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import FactoredAttention, PottsModel, fresh_loss, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens = sample(model, 100, seed=1)
    >>> untrained = FactoredAttention(np.zeros((20, 20)), np.eye(3))
    >>> truth = FactoredAttention(1.5 * model.couplings, np.eye(3))
    >>> round(fresh_loss(model, untrained, tokens), 4), fresh_loss(model, truth, tokens) < 1.0
    (1.0986, True)
    """
    return float(np.mean(fresh_losses(model, predictor, tokens, hidden)))


def fresh_losses(
    model: PottsModel, predictor: Predictor, tokens: Tokens, hidden: Hidden | None = None
) -> Floats:
    """Return the loss of `fresh_loss` sequence by sequence, from which its error follows.

    Parameters
    ----------
    model, predictor, tokens, hidden
        As for `fresh_loss`.

    Returns
    -------
    array (samples,)
        In nats per masked token, averaged over the sites of a sequence.

    Raises
    ------
    ValueError
        As `fresh_loss` does.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import FactoredAttention, PottsModel, fresh_losses, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> untrained = FactoredAttention(np.zeros((20, 20)), np.eye(3))
    >>> fresh_losses(model, untrained, sample(model, 3, seed=1)).round(4)
    array([1.0986, 1.0986, 1.0986])
    """
    if not callable(getattr(predictor, "logits", None)):
        raise invalid("predictor", predictor, "an object with a method logits(tokens)")
    losses, first = [], 0
    if hidden is not None:
        hidden = checked_hidden(hidden, np.shape(tokens))
    for block in _blocks(model, tokens):
        besides = () if hidden is None else (hidden[first : first + len(block)],)
        logits = _logits(predictor, model, block, *besides)
        losses.append(CrossEntropy().expected(logits, model.conditionals(block)).mean(1))
        first += len(block)
    return np.concatenate(losses)


def _logits(predictor: Predictor, model: PottsModel, tokens: Tokens, *besides: Hidden) -> Floats:
    """Return what a predictor says, if it says something of every colour at every site."""
    shape = (*tokens.shape, model.colors)
    allowed = f"an object whose logits(tokens) returns an array {shape} of finite numbers"
    said: Any = predictor.logits
    logits = numbers("predictor", said(tokens, *besides), allowed)
    if logits.shape != shape:
        raise invalid(
            "predictor", f"an object whose logits(tokens) is an array {logits.shape}", allowed
        )
    return logits


def conditional_entropy(model: PottsModel, tokens: Tokens) -> float:
    """Return the mean entropy of a masked token given the others, the least `fresh_loss`.

    Parameters
    ----------
    model : PottsModel
        The model of the sequences, whose conditionals are exact.
    tokens : uint8 array (samples, sites)
        Sequences, at least one.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the sequences are not as the model has them.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, conditional_entropy, sample
    >>> free = PottsModel.random(PottsTokens(colors=3, beta=0.0), 20, seed=0)
    >>> round(conditional_entropy(free, sample(free, 10, seed=1)), 4)  # log 3
    1.0986
    """
    return float(np.mean(conditional_entropies(model, tokens)))


def conditional_entropies(model: PottsModel, tokens: Tokens) -> Floats:
    """Return the `conditional_entropy` sequence by sequence.

    Parameters
    ----------
    model, tokens
        As for `conditional_entropy`.

    Returns
    -------
    array (samples,)
        In nats per masked token, averaged over the sites of a sequence.

    Raises
    ------
    ValueError
        As `conditional_entropy` does.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, conditional_entropies, conditional_entropy, sample
    >>> model = PottsModel.random(PottsTokens(3, 1.5), 20, seed=0)
    >>> tokens = sample(model, 100, seed=1)
    >>> entropies = conditional_entropies(model, tokens)
    >>> entropies.shape, bool(np.isclose(entropies.mean(), conditional_entropy(model, tokens)))
    ((100,), True)
    """
    entropies = [
        CrossEntropy().optimum(model.conditionals(block)).mean(axis=1)
        for block in _blocks(model, tokens)
    ]
    return np.concatenate(entropies)


def _blocks(model: PottsModel, tokens: Tokens) -> list[Tokens]:
    if not isinstance(model, PottsModel):
        raise invalid("model", model, "a PottsModel")
    tokens = checked_tokens(tokens, model.sites, model.colors, least=1)
    step = max(1, _LARGEST // (model.sites * model.colors))
    return [tokens[first : first + step] for first in range(0, len(tokens), step)]
