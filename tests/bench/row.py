"""One row of the benchmark table."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured and what was asked.

    Attributes:
        work: what is timed.
        size: rows of the data.
        port: what the port takes.
        r: what R takes; None where it cannot do the work, or is not the yardstick.
        reference: the R package, or the yardstick in words.
        ratio: how many times faster (smaller) than R the port must be; 0 for no demand.
        most: most the port may take; None for no demand.
        unit: ``s`` for seconds, ``MB``, or ``x`` for multiples of the yardstick.
        others: what other packages take, by name, as shown.
    """

    work: str
    size: int
    port: float
    r: float | None
    reference: str
    ratio: float = 0.0
    most: float | None = None
    unit: str = "s"
    others: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether the port is as fast, or as small, as demanded."""
        fast = self.r is None or self.r / self.port >= self.ratio
        return fast and (self.most is None or self.port <= self.most)

    def cells(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The row as text, other packages in the order of their names."""
        times = "" if self.r is None else f"{self.r / self.port:.3g}x"
        asked = [f"{self.ratio:g}x"] if self.ratio else []
        asked += [shown(self.most, self.unit)] if self.most is not None else []
        return (
            self.work,
            f"{self.size:,}",
            shown(self.port, self.unit),
            "" if self.r is None else shown(self.r, self.unit),
            self.reference,
            times,
            ", ".join(asked),
            "yes" if self.held else "NO",
            *(self.others.get(name, "") for name in names),
        )


HEAD = ("work", "rows", "port", "R", "reference", "ratio", "asked", "held")


def shown(value: float, unit: str = "s") -> str:
    """A measurement with its unit."""
    if unit != "s":
        return f"{value:.3g} {unit}" if unit == "MB" else f"{value:.3g}{unit}"
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.3g} ms"
