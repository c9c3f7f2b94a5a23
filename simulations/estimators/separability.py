"""Which training sets are separable, and which have a minimiser, decided by linear programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from replica.validation import integer, truth
from simulations.estimators.bias import with_bias
from simulations.estimators.recession import margins, recession_direction
from simulations.kernels.aside import aside
from simulations.sequences.potts import checked_colors
from simulations.tokens import checked_similarity, checked_tokens, seen

#: A margin below this, of weights up to one, is none.
_NO_MARGIN = 1e-7


def separable(tokens: Any, row: int, colors: int) -> bool:
    """Tell whether some w has z_y > z_a for every sequence and a ≠ y, z_a = Σ_j w_j [s_j = a].

    The separation is strict: every token is predicted. Without weight decay the cross-entropy
    then has no finite minimiser; it has none, either, in some sets that are not separable (see
    `has_minimiser`). The largest margin within |w_j| <= 1 is the optimum of a linear program; it
    is zero where nothing separates.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, whose token is y, from 0 to sites - 1.
    colors : int
        C, from 2 to 256.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import separable
    >>> tokens = np.random.default_rng(0).integers(3, size=(200, 10), dtype=np.uint8)
    >>> separable(tokens[:5], row=0, colors=3), separable(tokens, row=0, colors=3)
    (True, False)
    """
    from scipy.optimize import linprog

    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    site = integer("row", row, 0, tokens.shape[1] - 1)
    matrix = margins(tokens, site, np.eye(colors))
    sites = matrix.shape[1]
    program = aside(
        linprog,
        np.append(np.zeros(sites), -1.0),
        A_ub=np.column_stack([-matrix, np.ones(len(matrix))]),
        b_ub=np.zeros(len(matrix)),
        bounds=[(-1.0, 1.0)] * sites + [(0.0, 1.0)],
        method="highs",
    )
    return bool(-program.fun > _NO_MARGIN)


def has_minimiser(
    tokens: Any, row: int, colors: int, similarity: Any = None, bias: bool = False
) -> bool:
    """Tell whether the cross-entropy of a row has a finite minimiser without weight decay.

    It has none if and only if some w has z_y ≥ z_a for every sequence and a ≠ y, not always with
    equality, z = Σ_j w_j U s_j, plus b with a bias: along it no token is predicted worse and one is
    predicted better, for ever. A linear program looks for it, exactly for U = I but for its own
    relative tolerance of 1e-10.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, whose token is y, from 0 to sites - 1.
    colors : int
        C, from 2 to 256.
    similarity : array (colors, colors), optional
        U; None is the identity.
    bias : bool
        Whether the row has a bias b, added to z.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import has_minimiser
    >>> tokens = np.random.default_rng(0).integers(3, size=(200, 10), dtype=np.uint8)
    >>> has_minimiser(tokens, row=0, colors=3), has_minimiser(tokens[:5], row=0, colors=3)
    (True, False)
    """
    colors = checked_colors(colors)
    tokens = checked_tokens(tokens, None, colors, least=1)
    site, values = integer("row", row, 0, tokens.shape[1] - 1), np.eye(colors)
    if similarity is not None:
        values = seen(checked_similarity(similarity, colors))
    if truth("bias", bias):
        tokens, values, _ = with_bias(tokens, values, similarity is None, common=False)
    return recession_direction(margins(tokens, site, values)) is None


def separable_samples(tokens: Any, row: int, colors: int) -> int:
    """Return how many of the sequences, taken in order, are strictly separable together.

    A subset of a separable set is separable, so bisection finds the largest number.

    Parameters
    ----------
    tokens : uint8 array (samples, sites)
        Sequences.
    row : int
        The masked site i, from 0 to sites - 1.
    colors : int
        C, from 2 to 256.

    Returns
    -------
    int
        From 0 to the number of sequences.

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from simulations import separable, separable_samples
    >>> tokens = np.random.default_rng(0).integers(3, size=(200, 10), dtype=np.uint8)
    >>> most = separable_samples(tokens, row=0, colors=3)
    >>> separable(tokens[:most], 0, 3), separable(tokens[:most + 1], 0, 3)
    (True, False)
    """
    tokens = checked_tokens(tokens, None, checked_colors(colors))
    integer("row", row, 0, tokens.shape[1] - 1)
    low, high = 0, len(tokens) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if separable(tokens[:middle], row, colors):
            low = middle
        else:
            high = middle
    return low
