"""What a check found: which cells it could judge, and which of those break the rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of one check on one frame.

    Attributes:
        columns: what each column of ``failed`` is about: a column of the data, or several joined
            by ``; `` where the rule relates them.
        judged: shape (rows, len(columns)); false where the cell is missing or the rule says
            nothing about it. A rule that judged nothing has not been checked (verdict ``vacuous``).
        failed: shape of ``judged``; a subset of it.
        detail: one line of counts for the rules table, never a patient's value.
        holds: whether the rule holds when that is not simply "nothing failed", as for a rule on
            a count of patients, where no single row is at fault.
    """

    columns: tuple[str, ...]
    judged: Bools
    failed: Bools
    detail: str = ""
    holds: bool | None = None

    @property
    def success(self) -> bool:
        """Whether the rule holds."""
        return not self.failed.any() if self.holds is None else self.holds


def column_vector(values: object) -> Bools:
    """A Boolean vector as the one column of a ``Judgement``, shape (rows, 1)."""
    return np.asarray(values, dtype=bool).reshape(-1, 1)
