"""The same R is recognised without being started; anything that could make it another is seen."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.engines.r.channel import Parts
from harness.engines.r.installation import (
    Installation,
    forget_installation,
    known_installation,
    learn_installation,
    remember_installation,
)

pytestmark = pytest.mark.recorded
VERSIONS = {"R": "4.2.2", "lme4": "1.1-31", "BLAS": "libblas.so.3.11.0"}


class Home:
    """An R of a few files: a BLAS behind a link, one package, a folder that is not there yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home, self.cache = folder, folder / "R", folder / "cache"
        for name, content in {
            "R/bin/R": "#!/bin/sh\n",
            "R/etc/Renviron": "R_LIBS_SITE=x\n",
            "lib/blas/libblas.so.3": "reference",
            "lib/openblas/libblas.so.3": "fast",
            "library/lme4/DESCRIPTION": "Version: 1.1-31\n",
            "library/lme4/R/lme4.rdb": "code",
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        (folder / "lib" / "libblas.so.3").symlink_to(folder / "lib/blas/libblas.so.3")

    @property
    def parts(self) -> Parts:
        names = ("lib/libblas.so.3", "library/lme4/DESCRIPTION", "library/lme4/R/lme4.rdb")
        folders = ("library", "library-of-the-user")
        time.sleep(0.02)  # the clock of a file system ticks some milliseconds late
        return Parts(
            time.time_ns(),
            tuple(str(self.folder / name) for name in names),
            tuple(str(self.folder / name) for name in folders),
        )

    def learn(self, versions: dict[str, str] = VERSIONS) -> Installation:
        found = learn_installation(self.parts, versions, self.home)
        assert found is not None
        remember_installation(self.cache, self.home, found)
        return found

    def known(self) -> Installation | None:
        return known_installation(self.cache, self.home)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def link_blas_elsewhere(folder: Path) -> None:
    link = folder / "lib" / "libblas.so.3"
    link.unlink()
    link.symlink_to(folder / "lib/openblas/libblas.so.3")


def same_size_and_time(folder: Path) -> None:
    """A file replaced by one of the same size that claims to be as old."""
    path = folder / "library/lme4/R/lme4.rdb"
    before = path.stat()
    path.write_text("CODE", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a package's code": lambda f: (f / "library/lme4/R/lme4.rdb").write_text("newer"),
    "same size, same time": same_size_and_time,
    "the link to BLAS": link_blas_elsewhere,
    "the BLAS behind the link": lambda f: (f / "lib/blas/libblas.so.3").write_text("patched!"),
    "a file is gone": lambda f: (f / "library/lme4/DESCRIPTION").unlink(),
    "R's own script": lambda f: (f / "R/bin/R").write_text("#!/bin/bash\n"),
    "Renviron": lambda f: (f / "R/etc/Renviron").write_text("R_LIBS_SITE=y\n"),
}
NEIGHBOURS: dict[str, Callable[[Path], object]] = {
    "a package more": lambda f: (f / "library/another").mkdir(),
    "a library folder that was not there": lambda f: (f / "library-of-the-user").mkdir(),
    "only touched": lambda f: os.utime(f / "library/lme4/DESCRIPTION", (1, 1)),
}


def test_what_did_not_change_is_recognised(home: Home) -> None:
    assert home.known() is None
    learnt = home.learn()
    assert home.known() == learnt
    assert learnt.versions == VERSIONS
    forget_installation(home.cache, home.home)
    assert home.known() is None


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_and_is_another_installation(home: Home, change: str) -> None:
    first = home.learn()
    time.sleep(0.02)
    CHANGES[change](home.folder)
    assert home.known() is None
    assert not first.unchanged
    assert home.learn().identity != first.identity


@pytest.mark.parametrize("change", NEIGHBOURS)
def test_what_could_matter_has_r_asked_and_what_does_not_changes_no_identity(
    home: Home, change: str
) -> None:
    first = home.learn()
    time.sleep(0.02)
    NEIGHBOURS[change](home.folder)
    assert home.known() is None
    again = home.learn()
    assert again.identity == first.identity
    assert home.known() == again


@pytest.mark.parametrize(
    "name", ["R_LIBS", "LD_LIBRARY_PATH", "LD_PRELOAD", "OPENBLAS_CORETYPE", "GLIBC_TUNABLES"]
)
def test_a_variable_that_chooses_libraries_is_another_installation(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first = home.learn()
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv(name, "elsewhere")
        assert home.known() is None
        assert home.learn().identity != first.identity
    assert home.known() == first


def test_a_variable_that_chooses_none_of_them_is_not(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = home.learn()
    monkeypatch.setenv("R_SESSION_TMPDIR", "/tmp/of-an-R-that-started-us")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")  # the worker pins it anyway
    assert home.known() == first


def test_another_version_is_another_installation(home: Home) -> None:
    first = home.learn()
    assert home.learn({**VERSIONS, "lme4": "1.1-37"}).identity != first.identity


def test_what_changed_after_r_was_started_is_not_learnt(home: Home) -> None:
    parts = home.parts
    time.sleep(0.02)
    (home.folder / "library/lme4/R/lme4.rdb").write_text("upgraded", encoding="utf-8")
    assert learn_installation(parts, VERSIONS, home.home) is None


def test_a_note_that_was_tampered_with_is_not_believed(home: Home) -> None:
    learnt = home.learn()
    (path,) = home.cache.iterdir()
    document = json.loads(path.read_text(encoding="utf-8"))
    for change in (
        {"identity": "0" * 64},
        {"versions": {**VERSIONS, "lme4": "2.0"}},
        {"states": {}},
        {"sha256": None},
    ):
        path.write_text(json.dumps({**document, **change}), encoding="utf-8")
        assert home.known() is None
    for text in ("", "[]", "{", '{"identity": 1}'):
        path.write_text(text, encoding="utf-8")
        assert home.known() is None
    remember_installation(home.cache, home.home, learnt)
    assert home.known() == learnt
    assert replace(learnt, identity="x") != learnt
