"""What a channel asks of a loss, one file per loss."""
