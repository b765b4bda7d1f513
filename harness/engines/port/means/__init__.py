"""Estimated marginal means, contrasts and trends of a fitted model, with their adjustments."""
