"""Training in epochs: optimisers, settings, checkpoints."""
