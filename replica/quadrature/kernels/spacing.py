"""How finely the trapezoidal rule has to sample what is averaged over Gaussian fields."""

from __future__ import annotations

import math

from replica.jit import part

#: Spacings of lattices are powers of 2^(1/16), so that problems and their neighbours share points.
_PER_OCTAVE = 16


def spacing(q: float, digits: float) -> float:
    """Solve 2π d/s - d²/2 = digits, where d is the distance of the nearest singularity.

    A Gaussian alone, however far the singularity, needs s = 2π/sqrt(2 digits).
    """
    distance = min(math.pi / math.sqrt(2.0 * q), math.sqrt(2.0 * digits))
    return 2.0 * math.pi * distance / (digits + 0.5 * distance**2)


def shared(wanted: float) -> float:
    """Return the largest spacing of lattices up to the one that is wanted."""
    return float(2.0 ** (math.floor(_PER_OCTAVE * math.log2(wanted)) / _PER_OCTAVE))


#: The same within kernels.
spacing_of, shared_spacing = part(spacing), part(shared)
