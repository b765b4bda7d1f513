"""Tobin's model: a linear model of an outcome that is censored from below."""
