"""The names broom.mixed gives to variance components, in the names of this package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_COMPONENT = re.compile(r"(sd|cor|var|cov)_{1,2}(.+)", re.DOTALL)
_REPEATED = re.compile(r"(.+)\.[0-9]+", re.DOTALL)
RESIDUAL = ("Residual", "Observation")
"""Group and effect under which broom.mixed lists the residual standard deviation."""


@dataclass(frozen=True, slots=True)
class Component:
    """One row of ``tidy(fit, effects = "ran_pars")``: grouping factor and printed name."""

    group: str
    name: str


class UnknownComponent(ValueError):
    """A row that is no variance component, or one that can be read in two ways."""

    def __init__(self, row: Component, reason: str) -> None:
        self.row = row
        super().__init__(f"`{row.name}` {reason}")


def is_component(name: str) -> bool:
    """Whether a name has the form ``sd__x``; a coefficient can have it, too."""
    return _COMPONENT.fullmatch(name) is not None


def component_terms(components: Iterable[Component]) -> Mapping[Component, str]:
    """``sd(g:x)``, ``cor(g:x,z)`` or ``sigma`` for every row.

    broom.mixed joins the two effects of a correlation by a point, and effects may hold points:
    the standard deviations listed for the group decide where to cut. nlme's reversed order is
    put into the order of the standard deviations. lme4 calls the second block of a group
    ``g.1``; where no other factor has that name it is the group's own.

    Raises:
        UnknownComponent: for the first row that cannot be read, in words.
    """
    rows = tuple(components)
    effects: dict[str, list[str]] = {}
    for row in rows:
        kind, name = _split(row)
        if kind == "sd" and (row.group, name) != RESIDUAL:
            effects.setdefault(row.group, []).append(name)
    home = {group: _home(group, effects) for group in dict.fromkeys(row.group for row in rows)}
    terms = {}
    for row in rows:
        kind, name = _split(row)
        if (row.group, name) == RESIDUAL:
            if kind != "sd":
                raise UnknownComponent(row, "is no residual standard deviation")
            terms[row] = "sigma"
        elif kind == "sd":
            terms[row] = f"sd({home[row.group]}:{name})"
        else:
            first, second = _pair(row, name, effects.get(row.group, []))
            terms[row] = f"cor({home[row.group]}:{first},{second})"
    return terms


def _split(row: Component) -> tuple[str, str]:
    found = _COMPONENT.fullmatch(row.name)
    if found is None:
        raise UnknownComponent(row, "is no variance component (sd__x, cor__x.z)")
    if found[1] in ("var", "cov"):
        raise UnknownComponent(row, 'is a variance; keep tidy()\'s scale "sdcor"')
    if not row.group:
        raise UnknownComponent(row, "has no group")
    return found[1], found[2]


def _home(group: str, effects: Mapping[str, list[str]]) -> str:
    """The grouping factor itself for ``g.1``, lme4's name of its second block."""
    found = _REPEATED.fullmatch(group)
    if found is None or found[1] not in effects:
        return group
    shared = set(effects.get(group, [])) & set(effects[found[1]])
    return group if shared else found[1]


def _pair(row: Component, name: str, effects: list[str]) -> tuple[str, str]:
    cuts = [at for at, character in enumerate(name) if character == "."]
    found = [
        (name[:at], name[at + 1 :])
        for at in cuts
        if name[:at] in effects and name[at + 1 :] in effects
    ]
    if len(found) != 1:
        why = "can be cut in two ways" if found else "names no two listed standard deviations"
        raise UnknownComponent(row, f"of {row.group} {why}")
    first, second = sorted(found[0], key=effects.index)
    return first, second
