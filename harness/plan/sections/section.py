"""What all parts of a plan share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Line = Annotated[str, Field(min_length=1, max_length=8000)]


def spelt(value: object) -> object:
    """A text written as a number, 39, is the text 39."""
    return str(value) if type(value) is int else value


class Section(BaseModel):
    """What all parts of a plan share: no unknown keys, no changes, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
