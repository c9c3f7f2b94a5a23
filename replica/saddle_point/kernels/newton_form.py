"""Kernel that continues a sequence of states by the polynomial through them."""

from __future__ import annotations

from replica.jit import inlined


@inlined
def continued(places, values, count, here, x):
    """Write to x Newton's form of the polynomial through the first values, which are overwritten.

    From the last place back its terms are added as long as they fall.
    """
    last, size = count - 1, x.size
    for k in range(size):
        x[k] = values[last, k]
    product, bound = 1.0, 1.0
    for order in range(1, last + 1):
        # Divided differences of this order, each at the place of its last point.
        for i in range(last, order - 1, -1):
            for k in range(size):
                values[i, k] = (values[i, k] - values[i - 1, k]) / (places[i] - places[i - order])
        product *= here - places[last - order + 1]
        largest = 0.0
        for k in range(size):
            term = abs(product * values[last, k])
            # A NaN is kept, and ends the sum.
            largest = largest if term <= largest else term
        if not largest < bound:
            break
        for k in range(size):
            x[k] += product * values[last, k]
        bound = min(0.5 * largest, 1.0)
