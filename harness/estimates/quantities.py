"""The names of every number that can be compared, and where each of them belongs."""

from __future__ import annotations

from harness.models.record import FIT_QUANTITIES, FIXED_QUANTITIES, RANDOM_QUANTITIES

PROBLEM_QUANTITIES = ("n_obs", "n_groups")
FLAG_QUANTITIES = ("singular", "converged")
QUANTITIES = (
    *FIXED_QUANTITIES,
    *RANDOM_QUANTITIES,
    *FIT_QUANTITIES,
    *("emmean", "contrast", "slope"),
    *("num_df", "den_df", "f_value"),
    *("d", "d_low", "d_high"),
    *("jn_low", "jn_high"),
    *("smd", "smd_se", "smd_low", "smd_high", "rho", "n_first", "n_second"),
    *("responders", "patients", "incomplete", "not_positive"),
    *("risk_difference", "rd_low", "rd_high", "nnt", "nnt_low", "nnt_high", "fisher_p"),
    "p_adjusted",
    *PROBLEM_QUANTITIES,
    *FLAG_QUANTITIES,
)
WHOLE_FIT = ("n_obs", *FIT_QUANTITIES, *FLAG_QUANTITIES)
"""Quantities of the whole fit: their term is empty."""
