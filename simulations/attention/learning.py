"""Masked language modelling as in the paper: A and V from random values, by minibatches."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable
from replica.validation import invalid, truth
from simulations.attention.factored import FactoredAttention
from simulations.attention.layers import FreeAttention, Layer, check_layer
from simulations.attention.masking import masked_gradient
from simulations.epochs.optimisers import Optimiser, Parameters, rate_at
from simulations.epochs.run import Groups, History, Run, checked_sequences
from simulations.epochs.settings import Settings
from simulations.sequences.potts import checked_colors
from simulations.tokens import Floats, Tokens

#: The name of the bias among the parameters.
_BIAS = "bias"


@dataclass(frozen=True, eq=False)
class Learning(Immutable, History):
    """What training by epochs led to.

    Attributes
    ----------
    train_losses, held_out_losses : arrays (epochs,)
        Loss per masked token: mean over the minibatches of an epoch, while the parameters
        change; and at its end on the held-out sequences, every site masked in turn.
    best : int
        The epoch with the smallest held-out loss, whose result is kept; from 0, and -1 if no
        loss was finite.
    status : str
        "epochs", all were done; "early", the held-out loss had stopped falling; "not-finite",
        a loss was not finite.
    attention : FactoredAttention
        A and V of the best epoch, and the bias if there is one.
    parameters : mapping of arrays
        The parameters behind them.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, Settings, learn, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 120, seed=1)
    >>> run = learn(tokens[:100], tokens[100:], 3, Settings(epochs=3))
    >>> run.status, run.train_losses.shape, bool(run.best == run.held_out_losses.argmin())
    ('epochs', (3,), True)
    """

    attention: FactoredAttention
    parameters: Parameters


def learn(
    tokens: Any,
    held_out: Any,
    colors: int,
    settings: Settings | None = None,
    layer: Layer | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 10,
    label: str | None = None,
    bias: bool = False,
) -> Learning:
    """Train attention by masked language modelling.

    A bias b_i in R^C of every site is added to its logits where it is asked for. It starts from
    zero, does not decay, and its components add up to zero.

    Parameters
    ----------
    tokens, held_out : uint8 arrays (samples, sites)
        Sequences to train on, and others that decide which epoch is kept. The held-out loss of
        the kept epoch is a little too good: test on a third set.
    colors : int
        C.
    settings : Settings, optional
        How to train.
    layer : Layer, optional
        How A and V depend on the parameters; by default they are the parameters.
    checkpoint : path, optional
        An npz file that holds the state of the run. If it exists, the run goes on from there,
        and ends with the same digits as one that was never interrupted.
    every : int
        Epochs between two checkpoints.
    label : str, optional
        Show a progress bar with this label, away from a terminal a line every half minute;
        notebooks show one anyway.
    bias : bool
        Whether every site has a bias, which unequal frequencies of the colours ask for.

    Returns
    -------
    Learning
        The layer of the epoch with the smallest held-out loss, and how the training went: its
        status is "epochs" where all epochs of the settings were done.

    Raises
    ------
    ValueError
        If an argument is not allowed, or the checkpoint is of another run or version, is not
        whole, cannot be written, or has another process at work on it.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, Settings, conditional_entropy, fresh_loss, learn, sample
    >>> model = PottsModel.random(PottsTokens(3, 2.0), 10, seed=0)
    >>> tokens, held_out = sample(model, 1000, seed=1), sample(model, 200, seed=2)
    >>> fresh = sample(model, 500, seed=3)
    >>> run = learn(tokens, held_out, 3, Settings(epochs=40, rate=0.03))
    >>> fresh_loss(model, run.attention, fresh) - conditional_entropy(model, fresh) < 0.05
    True
    """
    colors = checked_colors(colors)
    tokens, held_out = checked_sequences(tokens, held_out, colors)
    settings = Settings() if settings is None else settings
    layer = FreeAttention() if layer is None else layer
    if not isinstance(settings, Settings):
        raise invalid("settings", settings, "Settings")
    if not isinstance(layer, Layer):
        raise invalid("layer", layer, "a layer such as FreeAttention() or SoftmaxAttention()")
    run = _FactoredRun(tokens, held_out, colors, settings, layer, truth("bias", bias))
    run.finish(checkpoint, every, label)
    return run.result()


class _FactoredRun(Run):
    def __init__(
        self,
        tokens: Tokens,
        held_out: Tokens,
        colors: int,
        settings: Settings,
        layer: Layer,
        bias: bool,
    ) -> None:
        identity = {"layer": [layer.name, vars(layer)], "colors": colors, "bias": bias}
        super().__init__(tokens, held_out, settings, identity)
        self._layer = layer
        sites = int(tokens.shape[1])
        of_layer = layer.initial(sites, colors, self.rng)
        check_layer(layer, of_layer, sites, colors)
        if bias and _BIAS in of_layer:
            raise invalid("bias", bias, f"False where the layer has a parameter {_BIAS!r}")
        self._names, self._biased = tuple(of_layer), bias
        self._bias = np.zeros((sites, colors))
        alone = self._if_biased(self._bias)
        self._parameters = {**of_layer, **alone}
        self._optimiser = Optimiser(
            settings.optimiser, self._parameters, settings.momentum, settings.decay, alone
        )
        self.keep()

    def one_epoch(self) -> float:
        order, hidden = self.batches()
        samples, batch = len(order), self.settings.batch
        steps = int(-(-samples // batch))
        total = 0.0
        for step in range(steps):
            part: NDArray[np.int64] = order[step * batch : (step + 1) * batch]
            mine = self._of_layer(self._parameters)
            attention = self._layer.attention(mine)
            # Copies can be written to, as the arrays of joint minimisation: one kernel serves both.
            arrays = attention.attention.copy(), attention.values.copy(), self._bias
            in_attention, in_values, in_bias = (np.empty_like(array) for array in arrays)
            slopes = in_attention, in_values, in_bias
            count = self.masks * len(part)
            loss = masked_gradient(self.tokens[part], hidden[part], count, *arrays, *slopes)
            total += loss * count
            done = (self.epoch + step / steps) / self.settings.epochs
            rate = self.settings.rate * rate_at(self.settings.schedule, done)
            if not np.isfinite(loss):
                return float("nan")
            gradient = self._layer.chain(mine, in_attention, in_values)
            self._optimiser.step({**gradient, **self._if_biased(in_bias)}, rate)
            if self._biased:
                # Of itself Adam does not keep the sum over colours.
                self._bias -= self._bias.mean(axis=1, keepdims=True)
        return float(total / hidden.sum()) if hidden.any() else float("nan")

    def held_out_loss(self) -> float:
        if not all(np.isfinite(value).all() for value in self._parameters.values()):
            return float("nan")
        attention = self._attention(self._parameters)
        return attention.loss(self.held_out) / int(self.held_out.shape[1])

    def groups(self) -> Groups:
        moments = {**self._optimiser.state, "steps": np.array(self._optimiser.steps)}
        return {"now": self._parameters, "moment": moments}

    def take(self, groups: Groups) -> None:
        self._optimiser.steps = int(groups["moment"].pop("steps"))
        for mine, stored in (
            (self._parameters, groups["now"]),
            (self._optimiser.state, groups["moment"]),
        ):
            for key, value in mine.items():
                value[...] = stored[key]

    def result(self) -> Learning:
        """Return what the run has led to."""
        return Learning(
            **self.history(), attention=self._attention(self.best), parameters=self.best
        )

    def _if_biased(self, array: Floats) -> Parameters:
        return {_BIAS: array} if self._biased else {}

    def _of_layer(self, parameters: Parameters) -> Parameters:
        return {name: value for name, value in parameters.items() if name in self._names}

    def _attention(self, parameters: Parameters) -> FactoredAttention:
        made = self._layer.attention(self._of_layer(parameters))
        bias = parameters[_BIAS] if self._biased else None
        return FactoredAttention(made.attention, made.values, bias)
