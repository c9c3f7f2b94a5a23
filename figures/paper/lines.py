"""Lines of the tables of several figures, and their status."""

from __future__ import annotations

import math
from typing import Any

from replica.problem import DataModel, Problem
from replica.saddle_point.status import Status


def threshold_line(data: DataModel) -> dict[str, Any]:
    """Return the existence threshold of data as the sample ratio of a line, if it is finite."""
    from replica.saddle_point.existence_threshold import existence_threshold

    found = existence_threshold(data)
    return {
        "source": "theory",
        **Problem(1.0, 0.0, data).columns(without="alpha"),
        **({"alpha": found} if math.isfinite(found) else {}),
        "status": status_of(found),
    }


def status_of(*results: float) -> str:
    """Return the status of results that are answers if they are finite."""
    return str(Status.CONVERGED if all(map(math.isfinite, results)) else Status.NOT_FINITE)


def status_of_training(ended: str) -> str:
    """Return the status of a training by epochs, which is to go through all of them."""
    return str(Status.CONVERGED) if ended == "epochs" else ended
