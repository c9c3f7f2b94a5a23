"""Figures of the paper, theory as lines and trained finite systems as markers; the style for more.

- draw: a figure of the package, at parameters of one's own.
- plot: any table, curve or grid.

TUTORIAL.md, beside this file, leads to a figure of one's own, of these:

- theory_line, measured: draw a table of the theory, and means over seeds with their errors.
- markers: draws any measured points with their error bars.
- log_axis: makes an axis logarithmic, with plain numbers that have room.
- journal: sets the style; pictures are drawn and saved inside `with journal():`.
- ONE_COLUMN, TWO_COLUMNS: widths of a figure in a journal of two columns, 3.4 and 7.0 inches.
- Look, LOOKS: how a quantity is drawn, and five of them, in falling darkness, which can be told
  apart in grey; `look.named("label")` is the same with a label.

Examples
--------
>>> from matplotlib.figure import Figure
>>> from figures import LOOKS, ONE_COLUMN, TWO_COLUMNS, theory_line
>>> from replica import PottsTokens, Problem, sweep
>>> curve = sweep(Problem(2.0, 0.1, PottsTokens(3, 1.5)), [1.0, 2.0, 4.0])
>>> axes = Figure(figsize=(ONE_COLUMN, 2.4)).subplots()
>>> for look, column in zip(LOOKS, ("test_loss", "train_loss")):
...     theory_line(axes, curve, "alpha", column, look)
>>> len(axes.lines), TWO_COLUMNS
(2, 7.0)
"""

from __future__ import annotations

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _load(name)
