"""Everything a user can cause, as one family of exceptions with the exit code of each.

The command line prints ``str(error)`` on one line of stderr and leaves with
``error.exit_code``; a library user catches the class. Nothing here is raised for a
mistake of our own: that stays an ordinary Python error and a bug report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

EXIT_OK = 0
EXIT_DIFFERS = 1
EXIT_USAGE = 2
EXIT_GATE = 3
EXIT_NOT_RUN = 4


class HarnessError(Exception):
    """Base of every error a user can cause."""

    exit_code: ClassVar[int] = EXIT_USAGE


class FormulaError(HarnessError):
    """A formula or an expression that the whitelisting parser does not accept.

    Attributes:
        text: what was parsed.
        position: offset in ``text`` (0-based) of the first character that is wrong.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.reason, self.text, self.position = reason, text, position
        super().__init__(f"{reason} at character {position + 1} of `{_around(text, position)}`")


def _around(text: str, position: int, before: int = 60, after: int = 60) -> str:
    """A text, or of a long one the part around a position."""
    start, end = max(position - before, 0), position + after
    left, right = "…" if start > 0 else "", "…" if end < len(text) else ""
    return text if len(text) <= before + after else f"{left}{text[start:end]}{right}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a user's file: where it stands and what to do about it."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class PlanError(HarnessError):
    """A plan (or its codebook) that cannot be followed; carries every problem found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class DataError(HarnessError):
    """A data file that is missing, unreadable, pinned to another hash, or lacks a column."""


class ModelError(HarnessError):
    """Data on which the model asked for cannot be fitted (constant outcome, one group, ...)."""


class PartNotRun(HarnessError):
    """A part of the work could not run; what else was asked is still done."""

    exit_code = EXIT_NOT_RUN


class SuiteError(PartNotRun):
    """A suite that would not check what it says: no rules, unknown rule types, raised rules."""


class ReferenceUnavailable(PartNotRun):
    """R is missing, crashed, timed out, or has no record for the model asked."""


class RecordRefused(PartNotRun):
    """A recorded reference that does not belong to these data or does not verify itself.

    Attributes:
        reason: what is wrong with it, without the file and the remedy; may be empty.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        self.reason = reason
        super().__init__(message)
