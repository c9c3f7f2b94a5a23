"""Trainings of transformers of several depths and of the factored layer, each with its test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from figures.paper.lines import status_of_training
from replica.problem import PottsTokens, Problem
from simulations.spread import standard_error

if TYPE_CHECKING:
    from simulations.sequences.potts import PottsModel

    Lines = list[dict[str, Any]]

SITES, COLORS, BETA = 20, 20, 5.0
WIDTH, HEADS, HIDDEN = 64, 4, 128
BATCH, RATE, DECAY = 64, 2e-3, 0.01

#: Sweeps of the sampler, some forty autocorrelation times.
_BURN_IN = 100


@dataclass(frozen=True)
class Size:
    """How much is computed: (M, epochs) of every sample size, the two drawn by epoch first."""

    samples: tuple[tuple[int, int], ...]
    layers: tuple[int, ...]
    seeds: int
    held_out: int
    test_samples: int


@dataclass(frozen=True)
class Course:
    """One training and its test.

    Parameters
    ----------
    layers : int
        Of the transformer; 0 is the factored layer.
    samples, epochs, seed : int
        M, passes over them, and the source of sequences, initial values and masks.
    held_out, test_samples : int
        Sequences that choose the epoch, and those of the test.
    folder : str, optional
        Where the checkpoint is kept.
    """

    layers: int
    samples: int
    epochs: int
    seed: int
    held_out: int
    test_samples: int
    folder: str | None = None

    @property
    def key(self) -> tuple[int, int, int]:
        """What tells the courses of a table apart."""
        return self.layers, self.samples, self.seed

    def run(self) -> Lines:
        """Return one line per epoch; that of the chosen epoch has the test."""
        from simulations import (
            Encoder,
            Settings,
            conditional_entropies,
            fresh_losses,
            learn,
            learn_encoder,
            sample,
        )
        from simulations.estimators.cross_entropy import CrossEntropy
        from simulations.experiments.identity import identity

        model = true_model()
        tokens, held_out = (
            sample(model, count, np.random.SeedSequence((self.seed, purpose)), _BURN_IN)
            for purpose, count in enumerate((self.samples, self.held_out))
        )
        # The test is the same for all.
        test = sample(model, self.test_samples, np.random.SeedSequence((0, 2)), _BURN_IN)
        path = None
        if self.folder is not None:
            path = Path(self.folder) / "layers-{}-samples-{}-seed-{}.npz".format(*self.key)
        common: dict[str, Any] = {"checkpoint": path, "every": 1}
        trained: Any
        run: Any
        if self.layers:
            encoder = Encoder(self.layers, WIDTH, HEADS, HIDDEN)
            settings = Settings(self.epochs, BATCH, rate=RATE, decay=DECAY, seed=self.seed)
            run = learn_encoder(tokens, held_out, COLORS, encoder, settings, **common)
            trained = run.trained
            parameters = sum(value.size for value in trained.weights.values())
        else:
            run = learn(tokens, held_out, COLORS, Settings(self.epochs, seed=self.seed), **common)
            trained = run.attention
            parameters = SITES * (SITES - 1) + COLORS**2
        losses, least = fresh_losses(model, trained, test), conditional_entropies(model, test)
        truth = CrossEntropy().expected(model.fields(held_out), np.eye(COLORS)[held_out])
        tested = {
            "test_loss": losses.mean(),
            "excess_loss": np.mean(losses - least),
            "test_loss_stderr": float(standard_error(losses)),
            "excess_loss_stderr": float(standard_error(losses - least)),
        }
        # The weight decay of the steps is another than that of a problem.
        problem = Problem(self.samples / SITES, 0.0, _data())
        known = identity(problem, SITES, self.samples, self.seed, without="lam")
        return [
            {
                **known,
                "train_loss": run.train_losses[epoch],
                "optimal_loss": least.mean(),
                "status": status_of_training(run.status),
                **(tested if epoch == run.best else dict.fromkeys(tested)),
                "layers": self.layers,
                "parameters": parameters,
                "epoch": epoch + 1,
                "epochs": self.epochs,
                "held_out_loss": run.held_out_losses[epoch],
                "held_out_optimal": truth.mean(),
            }
            for epoch in range(len(run.held_out_losses))
        ]


def courses(size: Size, folder: Path | None = None) -> list[Course]:
    """Return all trainings, in an order in which the first ones tell most."""
    place = None if folder is None else str(folder)
    # By seed inside the two sample sizes that are drawn by epoch, then the rest.
    return [
        Course(layers, samples, epochs, seed, size.held_out, size.test_samples, place)
        for part in (size.samples[:2], size.samples[2:])
        for seed in range(size.seeds)
        for samples, epochs in part
        for layers in size.layers
    ]


def _data() -> PottsTokens:
    from replica.errors import ParamagnetWarning
    from replica.notices import unwanted

    with unwanted(ParamagnetWarning):  # the theory is not asked; 20 sites mix within three sweeps
        return PottsTokens(COLORS, BETA)


def true_model() -> PottsModel:
    """Return the model whose sequences are learnt."""
    from simulations import PottsModel

    return PottsModel.random(_data(), SITES, 0)
