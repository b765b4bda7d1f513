"""The studies, opened once a session."""

from __future__ import annotations

import importlib
import sys
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
def mbsr_null() -> StudyFiles:
    return read_study("mbsr_null")


@pytest.fixture(scope="session")
def eudaimon3() -> StudyFiles:
    return read_study("eudaimon3")


@pytest.fixture(scope="session")
def generator() -> dict[str, ModuleType]:
    """The modules of the synthetic two-arm trial's generator."""
    return generator_of("mbsr")


@pytest.fixture(scope="session")
def generator3() -> dict[str, ModuleType]:
    """The modules of the synthetic three-arm trial's generator."""
    return generator_of("eudaimon3")


def generator_of(study: str) -> dict[str, ModuleType]:
    """Import a study's generator from its folder; another study's may have the same names."""
    folder = str(FIXTURES / study)
    names = ("scales", "simulate", "codebook", "planted")
    sys.path.insert(0, folder)
    try:
        return {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)
