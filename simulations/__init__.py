"""Finite systems: Potts sequences, factored attention trained on them, and what it learnt."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from simulations.attention.factored import FactoredAttention
    from simulations.attention.fresh_loss import (
        conditional_entropies,
        conditional_entropy,
        fresh_loss,
        fresh_losses,
    )
    from simulations.attention.joint import JointTraining, train_jointly
    from simulations.attention.layers import FreeAttention, SoftmaxAttention
    from simulations.attention.learning import Learning, learn
    from simulations.attention.pair_couplings import PairCouplings
    from simulations.attention.recovery import Recovery, recover
    from simulations.encoder.encoder import Encoder
    from simulations.encoder.learning import EncoderLearning, TrainedEncoder, learn_encoder
    from simulations.encoder.optional_jax import MissingExtra
    from simulations.epochs.settings import Settings
    from simulations.estimators.cavity import token_precision
    from simulations.estimators.mean_field import naive_mean_field, quadratic_estimate
    from simulations.estimators.message_passing import MessagePassing, approximate_message_passing
    from simulations.estimators.minimiser import Training, train
    from simulations.estimators.own_loss import OwnLoss
    from simulations.estimators.separability import has_minimiser, separable, separable_samples
    from simulations.experiments.average_seeds import average_seeds
    from simulations.experiments.experiment import simulate
    from simulations.experiments.finite_size import Extrapolation, extrapolate
    from simulations.experiments.measure import Observables, measure
    from simulations.experiments.simulate_many import simulate_many
    from simulations.sequences.autocorrelation import Autocorrelation, integrated_time, split_r_hat
    from simulations.sequences.independent import IndependentRow
    from simulations.sequences.mixing import Mixing, MixingWarning
    from simulations.sequences.potts import PottsModel
    from simulations.sequences.sampler import Chains, sample

__all__ = [
    "Autocorrelation",
    "Chains",
    "Encoder",
    "EncoderLearning",
    "Extrapolation",
    "FactoredAttention",
    "FreeAttention",
    "IndependentRow",
    "JointTraining",
    "Learning",
    "MessagePassing",
    "MissingExtra",
    "Mixing",
    "MixingWarning",
    "Observables",
    "OwnLoss",
    "PairCouplings",
    "PottsModel",
    "Recovery",
    "Settings",
    "SoftmaxAttention",
    "TrainedEncoder",
    "Training",
    "approximate_message_passing",
    "average_seeds",
    "conditional_entropies",
    "conditional_entropy",
    "extrapolate",
    "fresh_loss",
    "fresh_losses",
    "has_minimiser",
    "integrated_time",
    "learn",
    "learn_encoder",
    "measure",
    "naive_mean_field",
    "quadratic_estimate",
    "recover",
    "sample",
    "separable",
    "separable_samples",
    "simulate",
    "simulate_many",
    "split_r_hat",
    "token_precision",
    "train",
    "train_jointly",
]

_HOMES = {
    "Autocorrelation": "sequences.autocorrelation",
    "Chains": "sequences.sampler",
    "Encoder": "encoder.encoder",
    "EncoderLearning": "encoder.learning",
    "Extrapolation": "experiments.finite_size",
    "FactoredAttention": "attention.factored",
    "FreeAttention": "attention.layers",
    "IndependentRow": "sequences.independent",
    "JointTraining": "attention.joint",
    "Learning": "attention.learning",
    "MessagePassing": "estimators.message_passing",
    "MissingExtra": "encoder.optional_jax",
    "Mixing": "sequences.mixing",
    "MixingWarning": "sequences.mixing",
    "Observables": "experiments.measure",
    "OwnLoss": "estimators.own_loss",
    "PairCouplings": "attention.pair_couplings",
    "PottsModel": "sequences.potts",
    "Recovery": "attention.recovery",
    "Settings": "epochs.settings",
    "SoftmaxAttention": "attention.layers",
    "TrainedEncoder": "encoder.learning",
    "Training": "estimators.minimiser",
    "approximate_message_passing": "estimators.message_passing",
    "average_seeds": "experiments.average_seeds",
    "conditional_entropies": "attention.fresh_loss",
    "conditional_entropy": "attention.fresh_loss",
    "extrapolate": "experiments.finite_size",
    "fresh_loss": "attention.fresh_loss",
    "fresh_losses": "attention.fresh_loss",
    "has_minimiser": "estimators.separability",
    "integrated_time": "sequences.autocorrelation",
    "learn": "attention.learning",
    "learn_encoder": "encoder.learning",
    "measure": "experiments.measure",
    "naive_mean_field": "estimators.mean_field",
    "quadratic_estimate": "estimators.mean_field",
    "recover": "attention.recovery",
    "sample": "sequences.sampler",
    "separable": "estimators.separability",
    "separable_samples": "estimators.separability",
    "simulate": "experiments.experiment",
    "simulate_many": "experiments.simulate_many",
    "split_r_hat": "sequences.autocorrelation",
    "token_precision": "estimators.cavity",
    "train": "estimators.minimiser",
    "train_jointly": "attention.joint",
}


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: a command that refuses its arguments needs no compiler.
    if name == "__version__":
        from importlib import metadata

        return metadata.version("replica-attention")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
