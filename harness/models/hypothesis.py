"""Hypotheses on sums of coefficients, as a model is asked for their tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Sums of coefficients that are tested against numbers, together where there are several.

    Attributes:
        name: as the plan has it.
        rows: of each sum, coefficient as R names it and its factor.
        equals: what each sum is by the hypothesis.
    """

    name: str
    rows: tuple[tuple[tuple[str, float], ...], ...]
    equals: tuple[float, ...]

    @property
    def term(self) -> str:
        """Its name in a table: ``hypothesis(ratio only)``."""
        return f"hypothesis({self.name})"

    @property
    def sentence(self) -> str:
        """The hypothesis in words: ``a:x + 2 a:y = 0``."""
        return " and ".join(
            f"{_sum(row)} = {value:g}" for row, value in zip(self.rows, self.equals, strict=True)
        )

    def as_json(self) -> dict[str, Any]:
        """As ``r_reference/hypotheses.R`` reads it."""
        return {
            "name": self.name,
            "rows": [dict(row) for row in self.rows],
            "equals": list(self.equals),
        }


def _sum(row: tuple[tuple[str, float], ...]) -> str:
    text = ""
    for name, factor in row:
        sign = ("-" if factor < 0 else "") if not text else (" - " if factor < 0 else " + ")
        text += sign + (name if abs(factor) == 1 else f"{abs(factor):g} {name}")
    return text
