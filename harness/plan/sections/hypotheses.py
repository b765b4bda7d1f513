"""The part of a plan that says which sums of coefficients are tested."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from harness.plan.sections.section import Line, Section


def _as_rows(value: object) -> object:
    """A hypothesis written as one row of coefficients, or as a list of rows, in its long form."""
    if isinstance(value, list):
        return {"rows": tuple(value)}
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("rows"), list | tuple | dict):
        return {"rows": (value,)}
    several = {
        key: tuple(part) if isinstance(part, list | tuple) else (part,)
        for key, part in value.items()
        if key in ("rows", "equals")
    }
    return {**value, **several}


_ROW: dict[str, Any] = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"type": "number"},
}
_ROWS: dict[str, Any] = {"anyOf": [_ROW, {"type": "array", "minItems": 1, "items": _ROW}]}
_NUMBERS = {"anyOf": [{"type": "number"}, {"type": "array", "items": {"type": "number"}}]}
_HYPOTHESIS: dict[str, Any] = {
    "anyOf": [
        *_ROWS["anyOf"],
        {
            "type": "object",
            "properties": {"rows": _ROWS, "equals": _NUMBERS},
            "required": ["rows"],
            "additionalProperties": False,
        },
    ]
}


class LinearHypothesis(Section):
    """Sums of coefficients that are tested, together where there are several."""

    rows: tuple[dict[Line, float], ...] = Field(
        min_length=1, description="Of each sum: coefficient as R names it, and its factor."
    )
    equals: tuple[float, ...] = Field(
        default=(), description="What the sums are by the hypothesis; default: 0."
    )


Hypothesis = Annotated[LinearHypothesis, BeforeValidator(_as_rows), WithJsonSchema(_HYPOTHESIS)]
