"""Channels: a law of the fields and a loss, averaged by a quadrature rule."""
