"""The studies, opened once a session."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from .study_files import FIXTURES, STUDIES, StudyFiles, read_study


@pytest.fixture(scope="session", params=STUDIES)
def study(request: pytest.FixtureRequest) -> StudyFiles:
    """Each study in turn."""
    return read_study(request.param)


@pytest.fixture(scope="session")
def btheb() -> StudyFiles:
    return read_study("btheb")


@pytest.fixture(scope="session")
def mbsr() -> StudyFiles:
    return read_study("mbsr")


@pytest.fixture(scope="session")
def generator() -> Iterator[dict[str, ModuleType]]:
    """The modules of the synthetic trial's generator, imported from its folder."""
    folder = str(FIXTURES / "mbsr")
    names = ("scales", "simulate", "codebook", "planted")
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)
