"""Linear mixed models in numpy and scipy, linear models on statsmodels."""
