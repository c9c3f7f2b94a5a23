"""Models of sequences, and samples of them."""
