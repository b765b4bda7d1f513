"""Parts of an answer that a side was asked for and could not give, and why."""

from __future__ import annotations

from collections.abc import Iterator

from harness.models.besides import FIELDS
from harness.models.record import Estimates

_QUANTITY = {
    "emmeans": "emmean",
    "contrasts": "contrast",
    "anova": "f_value",
    "effect_size": "d",
    "slopes": "slope",
    "johnson_neyman": "jn_low",
    "d_ppc2": "smd",
    "hedges_g": "smd",
    "responders": "responders",
    "adjust": "p_adjusted",
    "robust": "std_error",
    "leave_one_out": "estimate",
    "imputed": "estimate",
    "hypotheses": "contrast",
}
"""The quantity that stands for a part none of whose numbers exist."""
_OF_EFFECT_SIZES = ("d", "d_low", "d_high")


def refusal(term: str, quantity: str, has: Estimates, lacks: Estimates) -> str:
    """Why one side has no number that the other has, as far as it says.

    Args:
        term: of the number.
        quantity: of the number.
        has: the answer with the number.
        lacks: the other one.
    """
    if quantity == "p_adjusted":
        return (lacks.refused or {}).get("adjust", "")
    for part, fields in FIELDS.items():
        if part not in (lacks.refused or {}):
            continue
        if part == "effect_size":
            own = quantity in _OF_EFFECT_SIZES
        else:
            rows = (row for field in fields for row in getattr(has, field) or ())
            own = quantity not in _OF_EFFECT_SIZES and term in {row.term for row in rows}
        if own:
            return (lacks.refused or {})[part]
    return ""


def refused_by_both(python: Estimates, r: Estimates) -> Iterator[tuple[str, str, str]]:
    """Part, quantity that stands for it, and both reasons, of each part that neither side has."""
    for part, ours in (python.refused or {}).items():
        theirs = (r.refused or {}).get(part)
        if theirs is not None:
            yield part, _QUANTITY.get(part, part), f"python: {ours}; r: {theirs}"
