"""The JSON record of one answer: the contract's keys first and in its order, ours after them."""

from __future__ import annotations

from typing import Any

from harness.models.decode import JsonValue, decode_estimates
from harness.models.record import Answer, NotComputed, as_json

_REFUSAL = ("engine", "not_computed", "exit_code")


def to_record(answer: Answer) -> dict[str, Any]:
    """An answer as plain JSON types; a refusal is ``{"engine", "not_computed", "exit_code"}``."""
    if isinstance(answer, NotComputed):
        return dict(zip(_REFUSAL, (answer.engine, answer.reason, answer.exit_code), strict=True))
    record: dict[str, Any] = as_json(answer)
    return record


def from_record(value: JsonValue) -> Answer:
    """The answer a record holds.

    Raises:
        MalformedRecord: naming the key of the first thing wrong.
    """
    if "not_computed" not in value.members():
        return decode_estimates(value)
    refusal = value.fields(_REFUSAL)
    code = refusal["exit_code"].count()
    if not 1 <= code <= 4:
        refusal["exit_code"].refuse("must be between 1 and 4")
    return NotComputed(refusal["engine"].text(), refusal["not_computed"].text(), code)
