"""Spectra of sample covariances and what stands out of them; arrays alone, no physics."""
