"""Tests of coefficients that do not believe the model's variances: HC3 and CR2."""
