"""The generalised Potts model: energies, conditionals, enumeration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replica.immutable import Immutable, fixed, keep
from replica.problem import PottsTokens
from replica.validation import integer, invalid, numbers, real
from simulations.kernels.local_fields import local_fields, softmax
from simulations.sequences.random_couplings import random_couplings, random_signs
from simulations.tokens import (
    MOST_COLORS,
    Floats,
    Tokens,
    checked_matrix,
    checked_seed,
    checked_similarity,
    checked_sites,
    checked_tokens,
    seen,
)

#: The largest number of states that are enumerated.
MOST_STATES = 1_000_000

#: Local fields up to here are rounded by less than a hundredth in double precision.
LARGEST_FIELD = 1e13

#: Sequences whose fields are held in memory at one time.
_BLOCK = 256


@dataclass(frozen=True, eq=False, init=False)
class PottsModel(Immutable):
    """P(s) ∝ exp((β/2) Σ_{i≠j} J_ij s_iᵀ U s_j + β Σ_i f_i·s_i), tokens s_i one-hot in R^C.

    Equation (1) of Rende et al., arXiv:2304.07235, with a field f_i in R^C on every site. A
    sequence is stored as the numbers of its colours, 0 to C - 1.

    Parameters
    ----------
    couplings : array (sites, sites)
        J, symmetric with zero diagonal; at least 3 sites.
    colors : int
        C, from 2 to 256.
    beta : float
        β, the inverse temperature.
    similarity : array (colors, colors), optional
        U, symmetric; None is the identity, the ordinary Potts model. A number common to all
        entries changes no probability.
    fields : array (colors,) or (sites, colors), optional
        f, one vector for all sites or one for each; kept as `site_fields`, an array
        (sites, colors). None is no field. A number common to all colours of a site changes no
        probability.
    pattern : array (sites,), optional
        v, a pattern that is planted in the couplings, for whoever looks for it; it changes nothing.

    Raises
    ------
    ValueError
        If an argument is not allowed, or local fields can exceed 1e13, of which double precision
        keeps too few digits for probabilities; 2^17 where sequences are sampled, in single.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import PottsModel
    >>> model = PottsModel.random(PottsTokens(colors=3, beta=1.5), sites=30, seed=0)
    >>> model.couplings.shape, model.beta
    ((30, 30), 1.5)
    >>> PottsModel([[0, 1, 0], [1, 0, 1], [0, 1, 0]], colors=2, beta=0.5, fields=[0.2, 0.0]).sites
    3
    """

    couplings: Floats
    colors: int
    beta: float
    similarity: Floats | None
    site_fields: Floats | None
    pattern: Floats | None

    def __init__(
        self,
        couplings: Any,
        colors: int,
        beta: float,
        similarity: Any = None,
        fields: Any = None,
        pattern: Any = None,
    ) -> None:
        couplings = checked_matrix("couplings", couplings, symmetric=True, hollow=True)
        if len(couplings) < 3:
            raise invalid("sites", len(couplings), "an integer, 3 or greater")
        colors, beta = checked_colors(colors), real("beta", beta)
        if similarity is not None:
            similarity = checked_similarity(similarity, colors)
        if fields is not None:
            fields = _checked_fields(fields, len(couplings), colors)
        keep(self, couplings=couplings, colors=colors, beta=beta)
        if pattern is not None:
            pattern = _checked_pattern(pattern, len(couplings))
        keep(self, similarity=similarity, site_fields=fields, pattern=pattern)
        check_carried(self, LARGEST_FIELD, "double")

    @classmethod
    def random(cls, data: PottsTokens, sites: int, seed: Any = 0) -> PottsModel:
        """Return a model of the theory's ensemble, with a zero in the place of every J_ii.

        A pattern v of random signs of the strength θ adds (θ/L) v vᵀ to J.

        Parameters
        ----------
        data : PottsTokens
            Colours, inverse temperature, similarity, ensemble of couplings and pattern in them.
        sites : int
            L, at least 3.
        seed : int or numpy.random.SeedSequence
            Source of the couplings.
        """
        if not isinstance(data, PottsTokens):
            raise invalid("data", data, "PottsTokens")
        sites = integer("sites", sites, 3)
        rng = np.random.default_rng(checked_seed(seed))
        couplings = random_couplings(data.coupling_law, sites, rng)
        pattern = None
        if data.spike:
            pattern = random_signs(sites, rng)
            couplings += data.spike / sites * (np.outer(pattern, pattern) - np.eye(sites))
        return cls(couplings, data.colors, data.beta, data.similarity, pattern=pattern)

    @property
    def sites(self) -> int:
        """L, the length of a sequence."""
        return len(self.couplings)

    @cached_property
    def values(self) -> Floats:
        """U as a matrix (colors, colors), the identity included."""
        values: Floats = fixed(np.eye(self.colors)) if self.similarity is None else self.similarity
        return values

    @property
    def teacher(self) -> Floats:
        """β J: row i holds the weights w* that generate token i."""
        return self.beta * self.couplings

    @property
    def teacher_bias(self) -> Floats | None:
        """β f: row i is the bias that generates token i, for w* = β J_i; None without fields."""
        return None if self.site_fields is None else self.beta * self.site_fields

    def energies(self, tokens: Any) -> Floats:
        """Return E(s) = -(1/2) Σ_{i≠j} J_ij s_iᵀ U s_j - Σ_i f_i·s_i of sequences (samples, sites).

        Probabilities are proportional to exp(-β E).
        """
        tokens = checked_tokens(tokens, self.sites, self.colors)
        return _energies(self, tokens, self.values, self.site_fields)

    def fields(self, tokens: Any, rows: Any = None) -> Floats:
        """Return ν_i = β (Σ_j J_ij U s_j + f_i), an array (samples, rows, colors).

        `rows` lists the sites i; None is all of them.
        """
        tokens = checked_tokens(tokens, self.sites, self.colors)
        return self._fields(tokens, checked_sites(rows, self.sites), self.values, self.teacher_bias)

    def conditionals(self, tokens: Any, rows: Any = None) -> Floats:
        """Return P(s_i = a | all other tokens) = softmax_a(ν_i), an array (samples, rows, colors).

        `rows` lists the sites i; None is all of them.
        """
        tokens = checked_tokens(tokens, self.sites, self.colors)
        sites, bias = checked_sites(rows, self.sites), centred(self.teacher_bias)
        return softmax(self._fields(tokens, sites, seen(self.values), bias))

    def _fields(
        self, tokens: Tokens, rows: NDArray[np.int64], values: Floats, bias: Floats | None
    ) -> Floats:
        fields = local_fields(tokens, self.teacher[rows], values)
        return fields if bias is None else fields + bias[rows]

    def enumerate(self) -> tuple[Tokens, Floats]:
        """Return all states, an array (C^L, sites), and their probabilities.

        Raises
        ------
        ValueError
            If there are more than a million states.
        """
        count = self.colors**self.sites
        if count > MOST_STATES:
            raise invalid("colors**sites", count, f"at most {MOST_STATES} to be enumerated")
        digits = np.unravel_index(np.arange(count), (self.colors,) * self.sites)
        tokens = np.stack(digits, axis=1).astype(np.uint8)
        return tokens, softmax(-self.beta * energy_differences(self, tokens))


def energy_differences(model: PottsModel, tokens: Tokens) -> Floats:
    """Return energies less what is common to all entries of U, or of a field, and to all states."""
    return _energies(model, tokens, seen(model.values), centred(model.site_fields))


def _energies(model: PottsModel, tokens: Tokens, values: Floats, own: Floats | None) -> Floats:
    energies = np.empty(len(tokens))
    for first in range(0, len(tokens), _BLOCK):
        block = slice(first, first + _BLOCK)
        # The field of every colour, of which the token picks one.
        fields = local_fields(tokens[block], model.couplings, values)
        picked = np.take_along_axis(fields, tokens[block, :, None].astype(np.intp), axis=-1)
        energies[block] = -0.5 * picked.sum(axis=(1, 2))
    if own is not None:
        energies -= own[np.arange(model.sites), tokens].sum(axis=1)
    return energies


def check_carried(model: PottsModel, most: float, precision: str) -> None:
    """Raise ValueError if a local field can be so large that its rounding changes probabilities."""
    with np.errstate(over="ignore"):
        reach = float(np.abs(model.teacher).sum(axis=1).max()) * np.ptp(model.values, axis=0).max()
        told = "max_i sum_j |beta J_ij| max_abc |U_ac - U_bc|"
        if model.teacher_bias is not None:
            reach += float(np.ptp(model.teacher_bias, axis=1).max())
            told += " + max_iab |beta (f_ia - f_ib)|"
    if not reach <= most:
        allowed = (
            f"such that local fields, up to {told} = {reach:.3g}, stay below {most:.3g}, "
            f"as {precision} precision can carry them"
        )
        raise invalid("beta", model.beta, allowed)


def centred(fields: Floats | None) -> Floats | None:
    """Return fields without what they add to all colours of a site, which changes nothing."""
    return None if fields is None else fields - fields.mean(axis=-1, keepdims=True)


def _checked_fields(fields: Any, sites: int, colors: int) -> Floats:
    """Return a read-only array (sites, colors), or raise ValueError."""
    allowed = f"an array of finite numbers ({colors},) or ({sites}, {colors})"
    array = numbers("fields", fields, allowed)
    if array.shape not in ((colors,), (sites, colors)):
        raise invalid("fields", f"array {array.shape}", allowed)
    every: Floats = fixed(np.array(np.broadcast_to(array, (sites, colors))))
    return every


def _checked_pattern(pattern: Any, sites: int) -> Floats:
    """Return a read-only array (sites,), or raise ValueError."""
    allowed = f"an array ({sites},) of finite numbers, not all of them 0"
    array = numbers("pattern", pattern, allowed)
    if array.shape != (sites,) or not array.any():
        raise invalid("pattern", f"array {array.shape}", allowed)
    own: Floats = fixed(array.astype(float))
    return own


def checked_colors(colors: Any) -> int:
    """Return the number of colours if it is an integer from 2 to 256, or raise ValueError."""
    return integer("colors", colors, 2, MOST_COLORS)
