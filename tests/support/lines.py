"""Lines of tables, as pictures are drawn of them."""

from __future__ import annotations


def line(source: str, **values: object) -> dict[str, object]:
    common = {"data": "potts", "loss": "cross-entropy", "colors": 3, "beta": 1.5, "lam": 0.1}
    solved = {"status": "converged", "residual": 1e-9, "evaluations": 5}
    return {"source": source, **common, **solved} | values
