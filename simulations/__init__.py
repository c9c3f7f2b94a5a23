"""Finite systems: Potts sequences, factored attention trained on them, and what it learnt.

>>> from replica import PottsTokens
>>> from simulations import PottsModel, sample, train
>>> tokens = sample(PottsModel.random(PottsTokens(3, 1.5), sites=20, seed=0), samples=60, seed=1)
>>> train(tokens, 3, lam=0.1).status
'converged'
"""

from __future__ import annotations

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("replica-attention")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _load(name)
