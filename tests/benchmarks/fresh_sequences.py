"""Transformers and one factored layer on sequences that are seen once: run with

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/fresh_sequences.py TABLE.csv [SAMPLES ...]

One pass over fresh sequences of one Potts model, so that nothing can be overfitted: what is left
above the entropy is what architecture and training have not learnt. Every number of sequences is a
training of its own with a whole cycle of rates. A table that exists is gone on with, and the mean
over seeds is printed. Layers 0 is the factored layer.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from replica import PottsTokens
from replica.tables import Table
from simulations import (
    Encoder,
    PottsModel,
    Settings,
    conditional_entropies,
    fresh_losses,
    learn,
    learn_encoder,
    sample,
)
from simulations.spread import standard_error

SITES, COLORS, BETA, LAYERS, SEEDS = 10, 5, 2.0, (0, 1, 2, 3, 4), 3
WIDTH, HEADS, HIDDEN = 32, 4, 64
SAMPLES = (100_000, 300_000, 1_000_000)
TEST = 10_000


def measured(model: PottsModel, tokens: Any, layers: int, seed: int) -> dict[str, Any]:
    """Train on one pass over the sequences and return what a fresh test says."""
    test = sample(model, TEST, np.random.SeedSequence((0, 2)))
    held_out, start = test[:50], time.process_time()
    if layers:
        encoder = Encoder(layers, WIDTH, HEADS, HIDDEN)
        settings = Settings(epochs=1, batch=64, rate=3e-3, seed=seed)
        trained: Any = learn_encoder(tokens, held_out, COLORS, encoder, settings).trained
        parameters = sum(value.size for value in trained.weights.values())
    else:
        trained = learn(tokens, held_out, COLORS, Settings(epochs=1, seed=seed)).attention
        parameters = SITES * (SITES - 1) + COLORS**2
    seconds = time.process_time() - start
    least = conditional_entropies(model, test)
    above = fresh_losses(model, trained, test) - least
    return {
        "layers": layers,
        "samples": len(tokens),
        "seed": seed,
        "parameters": parameters,
        "excess_loss": above.mean(),
        "excess_loss_stderr": float(standard_error(above)),
        "optimal_loss": least.mean(),
        "seconds": seconds,
    }


def main(path: str, *numbers: str) -> None:
    model = PottsModel.random(PottsTokens(COLORS, BETA), SITES, 0)
    lines = list(Table.from_csv(path).lines()) if Path(path).exists() else []
    done = {(line["layers"], line["samples"], line["seed"]) for line in lines}
    for samples in [int(number) for number in numbers] or SAMPLES:
        for seed in range(SEEDS):
            missing = [layers for layers in LAYERS if (layers, samples, seed) not in done]
            if missing:
                tokens = sample(model, samples, np.random.SeedSequence((seed, 0)))
            for layers in missing:
                lines.append(measured(model, tokens, layers, seed))
                Table(lines).to_csv(path)
    for layers in LAYERS:
        for samples in sorted({line["samples"] for line in lines}):
            ours = [x for x in lines if (x["layers"], x["samples"]) == (layers, samples)]
            if ours:
                above = np.array([line["excess_loss"] for line in ours])
                error = standard_error(above) if len(ours) > 1 else float("nan")
                seconds = np.mean([line["seconds"] for line in ours])
                told = f"{above.mean():.6f} ± {error:.6f}, {seconds:.1f} s"
                print(f"{layers} layers, {samples:.0f} sequences, {len(ours)} seeds: {told}")


if __name__ == "__main__":
    main(*sys.argv[1:])
