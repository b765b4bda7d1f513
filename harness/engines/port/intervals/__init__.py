"""Confidence intervals beyond Wald's: by the bootstrap and by profiling the likelihood."""
