"""What is installed, for a terminal: a line a part, and the commands that install the rest."""

from __future__ import annotations

import platform
from importlib import metadata

from tabulate import tabulate

from harness.engines.r.installed import Part

PYTHON_SIDE = ("numpy", "scipy", "pandas", "statsmodels", "great-expectations")


def python_side() -> tuple[Part, ...]:
    """Python and the packages whose version can move a number."""
    parts = [Part("Python", "Python package", platform.python_version(), needed=True)]
    for name in PYTHON_SIDE:
        try:
            version: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = None
        parts.append(
            Part(name, "Python package", version, needed=True, install=f"pip install {name}")
        )
    return tuple(parts)


def complete(parts: tuple[Part, ...]) -> bool:
    """Whether everything the live reference needs is there."""
    return all(part.present for part in parts if part.needed)


def _state(part: Part) -> str:
    if part.present:
        return "ok"
    return "MISSING" if part.needed else "absent"


def render_installation(parts: tuple[Part, ...]) -> str:
    """The table, then what to run for whatever is missing."""
    rows = [[_state(part), part.name, part.version or "-", part.note] for part in parts]
    table = tabulate(rows, headers=["", "part", "version", "note"], tablefmt="simple")
    commands = dict.fromkeys(part.install for part in parts if not part.present and part.install)
    if not commands:
        return table
    missing = "\n".join(f"  {command}" for command in commands)
    return f"{table}\n\nTo install what is missing:\n{missing}"
