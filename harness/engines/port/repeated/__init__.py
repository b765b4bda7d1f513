"""Repeated measures: linear models whose residuals within a patient have a covariance by visit."""
