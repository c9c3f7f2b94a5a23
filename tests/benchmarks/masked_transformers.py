"""Transformers and one factored layer with 15 % of all tokens masked beside one: run with

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/masked_transformers.py TABLE.csv

Model, sizes and steps are those of `replica-figures transformers` at M = 3000. Every line is one
training and its test, with one token masked (`excess_loss`, above the conditional entropy) and with
the token masked among others at the rate of the masks (`masked_test_loss`). A table that exists is
gone on with, and means over seeds are printed. Layers 0 is the factored layer.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from figures.paper.transformer_courses import (
    BATCH,
    COLORS,
    DECAY,
    HEADS,
    HIDDEN,
    RATE,
    WIDTH,
    true_model,
)
from replica import Masking
from replica.tables import Table
from simulations import (
    Encoder,
    Settings,
    conditional_entropies,
    fresh_loss,
    fresh_losses,
    learn,
    learn_encoder,
    sample,
)
from simulations.spread import standard_error

SAMPLES, EPOCHS, LAYERS, SEEDS = 3000, 100, (0, 1, 2), 3
MASKING = Masking(0.15)
TEST, BURN_IN = 5000, 100


def measured(layers: int, masking: Masking | None, seed: int) -> dict[str, Any]:
    """Train as the figure does and return what a fresh test says."""
    model = true_model()
    tokens, held_out, test = (
        sample(model, count, np.random.SeedSequence(source), BURN_IN)
        for count, source in ((SAMPLES, (seed, 0)), (500, (seed, 1)), (TEST, (0, 2)))
    )
    start = time.process_time()
    if layers:
        settings = Settings(EPOCHS, BATCH, rate=RATE, decay=DECAY, seed=seed, masking=masking)
        encoder = Encoder(layers, WIDTH, HEADS, HIDDEN)
        run: Any = learn_encoder(tokens, held_out, COLORS, encoder, settings)
        trained = run.trained
    else:
        run = learn(tokens, held_out, COLORS, Settings(EPOCHS, seed=seed, masking=masking))
        trained = run.attention
    seconds = time.process_time() - start
    hidden = np.random.default_rng(3).random(test.shape) < MASKING.rate
    above = fresh_losses(model, trained, test) - conditional_entropies(model, test)
    return {
        "layers": layers,
        "masking": None if masking is None else str(masking),
        "samples": SAMPLES,
        "seed": seed,
        "excess_loss": above.mean(),
        "masked_test_loss": fresh_loss(model, trained, test, hidden),
        "train_loss": run.train_losses[run.best],
        "epoch": run.best + 1,
        "seconds": seconds,
    }


def main(path: str) -> None:
    lines = list(Table.from_csv(path).lines()) if Path(path).exists() else []
    done = {(line["layers"], line.get("masking"), line["seed"]) for line in lines}
    kinds = (MASKING, None)
    for seed in range(SEEDS):
        for layers in LAYERS:
            for masking in kinds:
                if (layers, masking and str(masking), seed) not in done:
                    lines.append(measured(layers, masking, seed))
                    Table(lines).to_csv(path)
    for layers in LAYERS:
        for masking in kinds:
            key = layers, masking and str(masking)
            ours = [line for line in lines if (line["layers"], line.get("masking")) == key]
            if not ours:
                continue
            told = []
            for name in ("excess_loss", "masked_test_loss", "train_loss", "epoch", "seconds"):
                values = np.array([line[name] for line in ours])
                error = standard_error(values) if len(values) > 1 else float("nan")
                told.append(f"{name} {values.mean():.5f} ± {error:.5f}")
            print(f"{layers} layers, {masking or 'one token'}: {', '.join(told)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
