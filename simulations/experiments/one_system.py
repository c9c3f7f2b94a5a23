"""One finite system, sampled, trained and measured: a line of a table."""

from __future__ import annotations

from typing import Any

from replica.immutable import FixedDict
from replica.problem import Problem
from replica.tables.columns import as_cell
from replica.tables.html import values_html
from simulations.estimators.by_name import EstimatorName
from simulations.estimators.own_loss import OwnLoss
from simulations.experiments.experiment import Experiment
from simulations.experiments.given_rows import TEST_SAMPLES
from simulations.sequences.sampler import BURN_IN


class Measurement(FixedDict):
    """What is measured of one system: a line of a table, its columns attributes as well.

    `found["test_loss"]` is `found.test_loss`, and `found.converged` says whether every row is.

    Examples
    --------
    >>> from replica import PottsTokens, Problem
    >>> from simulations import simulate
    >>> found = simulate(Problem(2.0, 0.1, PottsTokens(3, 1.5)), sites=20, test_samples=200)
    >>> found["samples"], found.samples, found.converged
    (40, 40, True)
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self)
            raise AttributeError(f"no {name!r}; what is known is {known}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return Measurement, (dict(self),)

    @property
    def converged(self) -> bool:
        """Whether every row converged."""
        return bool(self["status"] == "converged")

    def __str__(self) -> str:
        width = max(map(len, self))
        return "\n".join(f"{name:<{width}}  {as_cell(value)}" for name, value in self.items())

    def _repr_html_(self) -> str:
        return values_html(self, f"{self['status']}: {self['rows']} rows of {self['sites']} sites")


def simulate(
    problem: Problem,
    sites: int,
    seed: int = 0,
    rows: int | None = None,
    test_samples: int = TEST_SAMPLES,
    burn_in: int = BURN_IN,
    estimator: EstimatorName | None = None,
    own_loss: OwnLoss | None = None,
    leave_one_out: bool = False,
    ensemble: int | None = None,
    whole_matrix: bool = False,
) -> Measurement:
    """Train one finite system and return one line of a table.

    Parameters
    ----------
    problem : Problem
        What to learn, and with which masks; M is the integer nearest to α L.
    sites : int
        L, at least 3.
    seed : int
        Names the realisation of couplings, sequences and masks.
    rows : int, optional
        Rows that are trained; None is all.
    test_samples : int
        Fresh sequences for the test.
    burn_in : int
        Sweeps before a sequence is taken.
    estimator : str, optional
        "minimiser", the exact minimum, which is what None stands for; "amp", approximate
        message passing towards it; "naive-mean-field" or "quadratic", which have no other
        loss than the squared error: the loss of the problem then only says what is measured.
    own_loss : OwnLoss, optional
        How to train if the loss of the problem is of the user's: an object of the same name,
        because a simulation never asks the theory's.
    leave_one_out : bool
        Whether to tell `loo_test_loss`, `loo_error_rate` and `loo_temperature`, too, which need no
        fresh sequences (see `simulations.leave_one_out`), with their own standard errors.
    ensemble : int, optional
        K, 1 to 1000: K layers are trained, on M sequences each of one model, and the average of
        their logits is measured; `probability_loss` is that of their average probabilities, and
        `logit_bias` and `logit_variance` are those of the logits, in units of q.
    whole_matrix : bool
        Whether to read all rows of Potts tokens as one matrix (see `simulations.MapReading`), in
        `outlier`, `overlap`, `pca_outlier`, `pca_overlap`, `symmetrised_error` and `precision`,
        without overlaps where no pattern is planted.

    Returns
    -------
    Measurement
        An immutable mapping, with the same names as attributes: the columns of
        `replica.tables.COLUMNS`; behind them `rows`, `test_samples`, `burn_in`, with masks
        `masked_test_loss` and `masked_error_rate`, the standard error NAME_stderr over the rows
        of each observable NAME, and the `memory` of the chains (see `simulations.Mixing`). If an
        estimator is named, the column `estimator` names it; message passing also fills V. The
        rows of one system share their sequences: an error bar for comparison with the theory is
        the one over seeds (see `simulations.average_seeds`).

    Raises
    ------
    ValueError
        If an argument is not allowed.

    Examples
    --------
    >>> from replica import PottsTokens, Problem, solve
    >>> from simulations import simulate
    >>> problem = Problem(alpha=2.0, lam=0.1, data=PottsTokens(colors=3, beta=1.5))
    >>> line = simulate(problem, sites=30, seed=0)
    >>> line.status, abs(line.test_loss - solve(problem).test_loss) < 0.1
    ('converged', True)
    """
    options = rows, test_samples, burn_in, estimator, own_loss, leave_one_out, ensemble
    task = Experiment((problem,), sites, seed, *options, whole_matrix=whole_matrix)
    return Measurement(task.run()[0])
