"""Decisions a reader takes from a number: they must be equal, whatever the limits say."""

from __future__ import annotations

from harness.estimates.table import Value


def decision(quantity: str, value: Value, alpha: float) -> bool | None:
    """What is decided on one number: significant, interval on one side of 0, singular.

    Returns:
        None where the quantity decides nothing. NaN decides ``False``: nothing is claimed.
    """
    if quantity in ("p_value", "p_adjusted", "fisher_p"):
        return value < alpha
    if quantity in ("conf_low", "d_low", "smd_low", "rd_low"):
        return value > 0
    if quantity in ("conf_high", "d_high", "smd_high", "rd_high"):
        return value < 0
    if quantity == "singular":
        return bool(value)
    return None


def flips(quantity: str, python: Value, r: Value, alpha: float) -> bool:
    """Whether a reader of one side would decide otherwise than a reader of the other."""
    return decision(quantity, python, alpha) is not decision(quantity, r, alpha)


def flip_note(quantity: str, alpha: float) -> str:
    """What flips, in words."""
    if quantity == "p_adjusted":
        return f"the adjusted p is on the other side of {alpha:g}"
    if quantity in ("p_value", "fisher_p"):
        return f"p is on the other side of {alpha:g}"
    if quantity == "singular":
        return "one side calls the fit singular"
    return "the interval excludes 0 on one side only"
