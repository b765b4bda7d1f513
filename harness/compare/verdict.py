"""The words a row of the diff table can end with."""

from __future__ import annotations

from enum import StrEnum

from harness.errors import EXIT_DIFFERS, EXIT_NOT_RUN, EXIT_OK


class Verdict(StrEnum):
    """What became of one number."""

    MATCH = "match"
    DIFFERS = "differs"
    DECISION_FLIPS = "decision flips"
    DIFFERENT_MODEL = "different model"
    PYTHON_ONLY = "python only"
    R_ONLY = "r only"
    BOUNDARY = "boundary"
    REFERENCE_NOT_CLEAN = "reference not clean"
    NOT_COMPUTED = "not computed"

    @property
    def red(self) -> bool:
        """Whether a person has to look at it."""
        return self not in (Verdict.MATCH, Verdict.BOUNDARY)

    @property
    def exit_code(self) -> int:
        """The contract's exit code of a row that has this verdict for a reason of its own.

        ``python only`` and ``r only`` count as differences here; where an engine gave no
        answer at all, the row carries the code of that failure instead.
        """
        if self is Verdict.NOT_COMPUTED:
            return EXIT_NOT_RUN
        return EXIT_DIFFERS if self.red else EXIT_OK
