"""From data to their ensemble: the one place where the theory tells data models apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import singledispatch
from typing import Any

from replica.ensembles.custom import CustomEnsemble
from replica.ensembles.ensemble import ANSWERED, Ensemble
from replica.ensembles.gaussian import GaussianEnsemble
from replica.ensembles.given_couplings import GivenCouplingsEnsemble
from replica.ensembles.independent import IndependentEnsemble
from replica.ensembles.measured import MeasuredEnsemble
from replica.ensembles.moments import MomentEnsemble
from replica.ensembles.potts import PottsEnsemble
from replica.memory import kept
from replica.problem import (
    CustomTokens,
    DataModel,
    GaussianTokens,
    IndependentTokens,
    PottsTokens,
    RowTokens,
)
from replica.problem.row_couplings import RowCouplings
from replica.problem.row_moments import RowMoments
from replica.problem.row_sequences import RowSequences
from replica.validation import invalid


@kept()
def ensemble_of(data: DataModel) -> Ensemble:
    """Return what the theory knows of these data; the same object for equal data."""
    return _ensemble(data)


def answering(data: Any, question: str) -> Ensemble:
    """Return the ensemble of data if it answers a question, or raise ValueError."""
    if not isinstance(data, DataModel):
        raise invalid("data", data, ANSWERED[question])
    ensemble = ensemble_of(data)
    ensemble.require(question)
    return ensemble


@singledispatch
def _ensemble(data: DataModel) -> Ensemble:
    raise TypeError(f"no ensemble is known for {type(data).__name__}")


def register(model: type[DataModel], ensemble: Callable[[Any], Ensemble]) -> None:
    """Make `ensemble_of` know a data model, by what makes the ensemble of such data."""
    _ensemble.register(model, ensemble)


#: What makes the ensemble of one row, by the type of what is given of it.
_ROWS: Mapping[type, Callable[[RowTokens], Ensemble]] = {
    RowCouplings: GivenCouplingsEnsemble,
    RowMoments: MomentEnsemble,
    RowSequences: MeasuredEnsemble,
}


def _row_ensemble(data: RowTokens) -> Ensemble:
    return _ROWS[type(data.context)](data)


register(RowTokens, _row_ensemble)
register(PottsTokens, PottsEnsemble)
register(IndependentTokens, IndependentEnsemble)
register(GaussianTokens, GaussianEnsemble)
register(CustomTokens, CustomEnsemble)
