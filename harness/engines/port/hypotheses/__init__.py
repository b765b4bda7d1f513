"""Tests of hypotheses: tables of terms, likelihood ratios, random terms."""
