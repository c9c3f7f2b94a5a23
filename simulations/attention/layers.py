"""Two ways to write attention by parameters, for training in epochs.

`FreeAttention` leaves A and V free, as in the theory; `SoftmaxAttention` normalises A as a
transformer does.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from replica.validation import integer, invalid, non_negative
from simulations.attention.factored import FactoredAttention
from simulations.epochs.optimisers import Parameters
from simulations.kernels.local_fields import softmax
from simulations.tokens import Floats


@runtime_checkable
class Layer(Protocol):
    """What training needs of a parameterisation of (A, V)."""

    name: str

    def initial(self, sites: int, colors: int, rng: np.random.Generator) -> Parameters:
        """Return random parameters."""

    def attention(self, parameters: Parameters) -> FactoredAttention:
        """Return the attention that the parameters stand for."""

    def chain(self, parameters: Parameters, in_attention: Floats, in_values: Floats) -> Parameters:
        """Return the derivatives in the parameters from those in A and V."""


def check_layer(layer: Layer, parameters: Parameters, sites: int, colors: int) -> None:
    """Raise ValueError unless attention and derivatives have the shapes that they should."""
    shapes = {name: np.shape(values) for name, values in parameters.items()}
    made = layer.attention(parameters)
    if not isinstance(made, FactoredAttention) or (made.sites, made.colors) != (sites, colors):
        allowed = (
            f"a layer whose attention() is a FactoredAttention of {sites} sites, {colors} colors"
        )
        raise invalid("layer", layer, allowed)
    if made.bias is not None:
        raise invalid("layer", layer, "a layer without a bias, which learn(..., bias=True) adds")
    in_parameters = layer.chain(parameters, np.zeros((sites, sites)), np.zeros((colors, colors)))
    if {name: np.shape(values) for name, values in in_parameters.items()} != shapes:
        raise invalid(
            "layer", layer, f"a layer whose chain() has the shapes of initial(), {shapes}"
        )


class FreeAttention:
    """A and V are the parameters (Rende et al., arXiv:2304.07235, equation 4).

    Parameters
    ----------
    scale : float
        Initial standard deviation of the entries of A in units of L^(-1/2) and of those of V
        in units of C^(-1/2).

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import FreeAttention, PottsModel, Settings, learn, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 120, seed=1)
    >>> run = learn(tokens[:100], tokens[100:], 3, Settings(epochs=2), FreeAttention(scale=0.1))
    >>> sorted(run.parameters)
    ['attention', 'values']
    """

    name = "free"

    def __init__(self, scale: float = 0.5) -> None:
        self.scale = non_negative("scale", scale)

    def initial(self, sites: int, colors: int, rng: np.random.Generator) -> Parameters:
        """Return random parameters."""
        attention = self.scale * rng.standard_normal((sites, sites)) / np.sqrt(sites)
        np.fill_diagonal(attention, 0.0)
        values = self.scale * rng.standard_normal((colors, colors)) / np.sqrt(colors)
        return {"attention": attention, "values": values}

    def attention(self, parameters: Parameters) -> FactoredAttention:
        """Return the attention that the parameters stand for."""
        return FactoredAttention(parameters["attention"], parameters["values"])

    def chain(self, parameters: Parameters, in_attention: Floats, in_values: Floats) -> Parameters:
        """Return the derivatives in the parameters, which are those in A and V."""
        return {"attention": in_attention, "values": in_values}


class SoftmaxAttention:
    """A_ij = softmax_j(q_i·k_j / √d) over j ≠ i, with learned query q_i and key k_i per position.

    The self-attention of a transformer (Vaswani et al., arXiv:1706.03762) whose queries and
    keys see positions only. Every A_ij is positive and every row sums to one: couplings of
    both signs are out of its reach, which is what normalisation costs.

    Parameters
    ----------
    width : int, optional
        d, the length of queries and keys; None is L, enough for any matrix q·k.
    scale : float
        Initial standard deviation of the entries.

    Examples
    --------
    >>> import numpy as np
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel, Settings, SoftmaxAttention, learn, sample
    >>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), 10, seed=0), 120, seed=1)
    >>> run = learn(tokens[:100], tokens[100:], 3, Settings(epochs=2), layer=SoftmaxAttention())
    >>> bool(np.allclose(run.attention.attention.sum(axis=1), 1.0))
    True
    """

    name = "softmax"

    def __init__(self, width: int | None = None, scale: float = 0.5) -> None:
        self.width = None if width is None else integer("width", width, 1)
        self.scale = non_negative("scale", scale)

    def initial(self, sites: int, colors: int, rng: np.random.Generator) -> Parameters:
        """Return random parameters."""
        shape = (sites, self.width or sites)
        return {
            "queries": self.scale * rng.standard_normal(shape),
            "keys": self.scale * rng.standard_normal(shape),
            "values": self.scale * rng.standard_normal((colors, colors)) / np.sqrt(colors),
        }

    def attention(self, parameters: Parameters) -> FactoredAttention:
        """Return the attention that the parameters stand for."""
        queries, keys = parameters["queries"], parameters["keys"]
        scores = queries @ keys.T / np.sqrt(keys.shape[1])
        np.fill_diagonal(scores, -np.inf)
        return FactoredAttention(softmax(scores), parameters["values"])

    def chain(self, parameters: Parameters, in_attention: Floats, in_values: Floats) -> Parameters:
        """Return the derivatives in the parameters from those in A and V."""
        attention = self.attention(parameters).attention
        mean = np.sum(attention * in_attention, axis=1, keepdims=True)
        in_scores = attention * (in_attention - mean) / np.sqrt(parameters["keys"].shape[1])
        return {
            "queries": in_scores @ parameters["keys"],
            "keys": in_scores.T @ parameters["queries"],
            "values": in_values,
        }
