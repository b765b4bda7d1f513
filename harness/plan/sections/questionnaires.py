"""The part of a plan that says how a questionnaire is scored from its answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from harness.plan.sections.section import Line, Section, spelt
from harness.scoring.instrument import InstrumentName, MissingRule, ScoreDirection


class ItemColumns(Section):
    """Which columns hold the answers, in the questionnaire's order: by a prefix, or one by one."""

    prefix: Line | None = Field(
        default=None, description="What stands before the item's number in a column's name."
    )
    width: int = Field(
        default=1, ge=1, le=4, description="Digits of the number at least: 2 for 01, 02, ..."
    )
    suffix: str = Field(default="", max_length=1000, description="What stands behind the number.")
    columns: tuple[Line, ...] | None = Field(default=None, description="The columns themselves.")


class Score(Section):
    """A questionnaire that is scored from its answers."""

    instrument: InstrumentName = Field(description="Which questionnaire.")
    items: ItemColumns = Field(description="The columns of its answers.")
    version: Annotated[str, BeforeValidator(spelt)] | None = Field(
        default=None, description="Of a questionnaire with several forms: which one."
    )
    direction: ScoreDirection | None = Field(
        default=None, description="Of a questionnaire whose translations differ: which way."
    )
    missing: MissingRule | None = Field(
        default=None,
        description="What becomes of a sum with missing answers: refuse, prorate, half (prorate "
        "where half are there), one (prorate where one is missing), zero; default: the manual's "
        "rule where one is known, else refuse.",
    )
    recoded: bool = Field(
        default=False, description="Whether the columns hold reversed items reversed already."
    )
    key: dict[str, tuple[int, ...]] = Field(
        default_factory=dict, description="Item numbers of each sub-scale, in place of the known."
    )
    reversed: tuple[int, ...] | None = Field(
        default=None, description="With `key`: the numbers of the reversed items."
    )
    names: dict[str, Line] = Field(
        default_factory=dict,
        description="Columns of the scores where they are not `<name>_<score>`: score and column.",
    )
    decimals: int | None = Field(
        default=None,
        ge=0,
        le=6,
        description="Decimals to which the file's scores are rounded; default: they are not.",
    )
