"""Finite systems: Potts sequences, factored attention trained on them, and what it learnt."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from simulations.attention import FactoredAttention
    from simulations.autocorrelation import Autocorrelation, integrated_time, split_r_hat
    from simulations.averages import average_seeds
    from simulations.cavity import token_precision
    from simulations.encoder import Encoder
    from simulations.encoder_learning import EncoderLearning, TrainedEncoder, learn_encoder
    from simulations.experiment import simulate
    from simulations.finite_size import Extrapolation, extrapolate
    from simulations.independent import IndependentRow
    from simulations.joint import JointTraining, train_jointly
    from simulations.layers import FreeAttention, SoftmaxAttention
    from simulations.learning import Learning, learn
    from simulations.mean_field import naive_mean_field, quadratic_estimate
    from simulations.message_passing import MessagePassing, approximate_message_passing
    from simulations.mixing import Mixing, MixingWarning
    from simulations.observables import (
        Observables,
        conditional_entropies,
        conditional_entropy,
        fresh_loss,
        fresh_losses,
        measure,
    )
    from simulations.own_loss import OwnLoss
    from simulations.parallel import simulate_many
    from simulations.potts import PottsModel
    from simulations.pseudolikelihood import PairCouplings
    from simulations.recovery import Recovery, recover
    from simulations.sampler import Chains, sample
    from simulations.separability import has_minimiser, separable, separable_samples
    from simulations.settings import Settings
    from simulations.training import Training, train
    from simulations.transformer_extra import MissingExtra

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
    "Autocorrelation": "autocorrelation",
    "Chains": "sampler",
    "Encoder": "encoder",
    "EncoderLearning": "encoder_learning",
    "Extrapolation": "finite_size",
    "FactoredAttention": "attention",
    "FreeAttention": "layers",
    "IndependentRow": "independent",
    "JointTraining": "joint",
    "Learning": "learning",
    "MessagePassing": "message_passing",
    "MissingExtra": "transformer_extra",
    "Mixing": "mixing",
    "MixingWarning": "mixing",
    "Observables": "observables",
    "OwnLoss": "own_loss",
    "PairCouplings": "pseudolikelihood",
    "PottsModel": "potts",
    "Recovery": "recovery",
    "Settings": "settings",
    "SoftmaxAttention": "layers",
    "TrainedEncoder": "encoder_learning",
    "Training": "training",
    "approximate_message_passing": "message_passing",
    "average_seeds": "averages",
    "conditional_entropies": "observables",
    "conditional_entropy": "observables",
    "extrapolate": "finite_size",
    "fresh_loss": "observables",
    "fresh_losses": "observables",
    "has_minimiser": "separability",
    "integrated_time": "autocorrelation",
    "learn": "learning",
    "learn_encoder": "encoder_learning",
    "measure": "observables",
    "naive_mean_field": "mean_field",
    "quadratic_estimate": "mean_field",
    "recover": "recovery",
    "sample": "sampler",
    "separable": "separability",
    "separable_samples": "separability",
    "simulate": "experiment",
    "simulate_many": "parallel",
    "split_r_hat": "autocorrelation",
    "token_precision": "cavity",
    "train": "training",
    "train_jointly": "joint",
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
