"""The two kinds of arrays of floats, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: One number per colour mode, node, point or coordinate.
Vector = NDArray[np.float64]

#: Two indices: (points, colors), (modes, nodes) or the like, which the docstring says.
Matrix = NDArray[np.float64]
