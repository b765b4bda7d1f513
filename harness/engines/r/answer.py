"""R's JSON as the record every engine answers with, or what is wrong with it."""

from __future__ import annotations

from typing import Any

from harness.models.decode import JsonValue, MalformedRecord, decode_estimates
from harness.models.record import Estimates


class AnswerError(ValueError):
    """JSON that is not the record it should be; the message says where."""


def estimates_from_json(raw: Any) -> Estimates:
    """Rebuild ``Estimates`` from the JSON of ``as_json`` or of R.

    Raises:
        AnswerError: a field is missing, unknown or of another type, or a term stands twice.
    """
    try:
        return decode_estimates(JsonValue(raw, "answer"))
    except MalformedRecord as error:
        raise AnswerError(str(error)) from error
