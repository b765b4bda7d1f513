"""Engines by name: anything a package announces in the entry-point group ``harness.engines``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points

from harness.engines.protocol import Engine
from harness.errors import HarnessError

GROUP = "harness.engines"


def engine_names() -> tuple[str, ...]:
    """Names of all installed engines, sorted."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


@cache
def engine_named(name: str) -> Engine:
    """The installed engine of that name; one instance a process.

    Raises:
        HarnessError: no engine has that name; the message lists those that exist.
    """
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        known = ", ".join(engine_names())
        raise HarnessError(f"no engine is called '{name}'; installed engines: {known}")
    engine = points[0].load()()
    if not isinstance(engine, Engine):
        raise HarnessError(
            f"engine '{name}' ({points[0].value}) lacks `name` or `fit(spec, frame)`"
        )
    return engine
