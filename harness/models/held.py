"""Designs built once for several questions about one model on rows that stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING

from harness.models.spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd

    from harness.models.design import Design

MOST_HELD = 4
"""A model is fitted to its rows first; what is left out or imputed besides is asked for once."""

Build = Callable[[ModelSpec, "pd.DataFrame"], "Design"]
_Held = list[tuple["pd.DataFrame", "Design"]]
_held: ContextVar[_Held | None] = ContextVar("designs held", default=None)


@contextmanager
def held_designs() -> Iterator[None]:
    """Within this context a design is built once, however often it is asked for.

    For work on frames that nobody changes meanwhile: a frame is known by being the same object.
    """
    token = _held.set([])
    try:
        yield
    finally:
        _held.reset(token)


def held(build: Build) -> Build:
    """Make a function that builds designs one that knows those held."""

    @wraps(build)
    def known(spec: ModelSpec, frame: pd.DataFrame) -> Design:
        designs = _held.get()
        if designs is None:
            return build(spec, frame)
        for of, design in designs:
            # Of a spec, what is asked besides its fit is all that no design depends on.
            if of is frame and replace(design.spec, besides=spec.besides) == spec:
                return design if design.spec == spec else replace(design, spec=spec)
        design = build(spec, frame)
        if len(designs) < MOST_HELD:
            designs.append((frame, design))
        return design

    return known
