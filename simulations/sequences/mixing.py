"""Whether independent chains have forgotten where they started: the test of every burn-in.

It compares two states; `autocorrelation` watches whole series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from replica.errors import Notice
from simulations.sequences.potts import PottsModel, energy_differences
from simulations.spread import deviation, standard_error
from simulations.tokens import Floats, Tokens

#: Probability that one check of chains in equilibrium warns.
FALSE_ALARM = 1e-6

#: Memory and drift, over the second half of the burn-in, that are tolerated. Both decay
#: exponentially, so what is left at its end is of the order of their squares.
TOLERANCE = 0.1

#: No more chains than this are looked at.
_MOST_CHAINS = 512


class MixingWarning(Notice):
    """The chains have not forgotten their start: burn in longer.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from simulations import MixingWarning, PottsModel, sample
    >>> frozen = PottsModel(2.0 * np.eye(20)[::-1], colors=2, beta=5.0)
    >>> with warnings.catch_warnings(record=True) as told:
    ...     warnings.simplefilter("always")
    ...     tokens = sample(frozen, 300, burn_in=4)
    >>> [warning.category is MixingWarning for warning in told]
    [True]
    """


@dataclass(frozen=True)
class Mixing:
    """What chains remember at the end of the burn-in of their state half-way.

    Parameters
    ----------
    memory, memory_stderr : float
        Overlap of a chain with itself half a burn-in ago, less that of two chains; 1 if
        nothing moved, 0 if all is forgotten.
    drift, drift_stderr : float
        Change of the mean energy since then, in standard deviations of the energy.
    chains : int
        Chains that were compared.

    Examples
    --------
    >>> from replica import PottsTokens
    >>> from simulations import Chains, PottsModel
    >>> chains = Chains(PottsModel.random(PottsTokens(3, 1.0), 20, seed=0), chains=200, seed=1)
    >>> found = chains.burn_in(40)
    >>> found.mixed, abs(found.memory) < 0.2
    (True, True)
    """

    memory: float
    memory_stderr: float
    drift: float
    drift_stderr: float
    chains: int

    @property
    def mixed(self) -> bool:
        """Whether neither memory nor drift is surely above `TOLERANCE`.

        "Surely" is a one-sided Student test at level `FALSE_ALARM` / 2 each, so chains in
        equilibrium fail with a probability below `FALSE_ALARM`.
        """
        if self.chains < 4:
            return True
        degrees = self.chains // 2 - 1
        margin = -stdtrit(degrees, FALSE_ALARM / 4)
        return bool(
            self.memory - margin * self.memory_stderr <= TOLERANCE
            and abs(self.drift) - margin * self.drift_stderr <= TOLERANCE
        )

    def __str__(self) -> str:
        return (
            f"memory {self.memory:.3f} ± {self.memory_stderr:.3f}, "
            f"energy drift {self.drift:.3f} ± {self.drift_stderr:.3f} standard deviations"
        )


def compare(model: PottsModel, before: Tokens, after: Tokens) -> Mixing:
    """Compare the states (chains, sites) of independent chains at two times."""
    pairs = min(len(after), _MOST_CHAINS) // 2
    if pairs < 2:
        return Mixing(0.0, 0.0, 0.0, 0.0, len(after))
    before, after = before[: 2 * pairs], after[: 2 * pairs]
    # Chains 2k and 2k + 1 make pair k, so that the entries below are independent.
    own = np.mean(before == after, axis=1).reshape(pairs, 2).mean(axis=1)
    other = np.mean(before[0::2] == after[1::2], axis=1)
    memory, memory_stderr = _mean(own - other)
    scale = 1 - float(np.mean(other))
    energies = energy_differences(model, after)
    earlier = energy_differences(model, before)
    change = (energies - earlier).reshape(pairs, 2).mean(axis=1)
    drift, drift_stderr = _mean(change)
    # Chains that all arrived at one energy have no other unit than the way they came.
    spread = float(deviation(energies) or deviation(np.concatenate([earlier, energies])))
    return Mixing(
        _ratio(memory, scale),
        _ratio(memory_stderr, scale),
        _ratio(drift, spread),
        _ratio(drift_stderr, spread),
        2 * pairs,
    )


def _mean(values: Floats) -> tuple[float, float]:
    return float(np.mean(values)), float(standard_error(values))


def _ratio(value: float, unit: float) -> float:
    return value / unit if unit > 0 else 0.0
