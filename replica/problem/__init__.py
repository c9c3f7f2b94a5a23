"""What is asked: data, loss, sample ratio and weight decay, described without numerics."""

from __future__ import annotations

from collections.abc import Callable

from replica.problem.custom_tokens import CustomTokens, cavity_covariance
from replica.problem.data_model import DataModel
from replica.problem.gaussian_tokens import GaussianTokens
from replica.problem.independent_tokens import IndependentTokens
from replica.problem.loss import LOSSES, Loss
from replica.problem.masking import Masking
from replica.problem.potts_tokens import PottsTokens
from replica.problem.problem import Problem
from replica.problem.row_couplings import RowCouplings
from replica.problem.row_tokens import RowTokens, rows_of_matrix

#: What makes data models of the options of a command line, by their names; of rows, one for each.
DATA_MODELS: dict[str, Callable[..., DataModel | tuple[DataModel, ...]]] = {
    **{model.name: model for model in (PottsTokens, IndependentTokens, GaussianTokens)},
    CustomTokens.name: CustomTokens.from_covariance,
    RowCouplings.name: rows_of_matrix,
}


__all__ = [
    "DATA_MODELS",
    "LOSSES",
    "CustomTokens",
    "DataModel",
    "GaussianTokens",
    "IndependentTokens",
    "Loss",
    "Masking",
    "PottsTokens",
    "Problem",
    "RowTokens",
    "cavity_covariance",
]
