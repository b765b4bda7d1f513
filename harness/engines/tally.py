"""How the answers of a reference came about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """How the reference answers of a run came about; one thread writes each.

    Attributes:
        models: answers given.
        cached: those R gave in an earlier run, replayed from the cache.
        retried: how R died, for each that was given at the second attempt.
        notes: what a reader should know besides, one line each.
    """

    models: int = 0
    cached: int = 0
    retried: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.models + other.models,
            self.cached + other.cached,
            (*self.retried, *other.retried),
            (*self.notes, *other.notes),
        )

    @property
    def said(self) -> str:
        """In words, for the line that says where the numbers are from; empty for plain fits."""
        parts = []
        if self.cached:
            parts.append(f"{self.cached} of {self.models} from the cache")
        if self.retried:
            parts.append(f"{len(self.retried)} of {self.models} at the second attempt")
        return f" ({', '.join(parts)})" if parts else ""
