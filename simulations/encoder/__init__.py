"""A transformer encoder, which needs the extra `transformer`."""
