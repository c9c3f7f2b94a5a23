"""Factored attention and its layers: trained, and compared with the couplings."""
