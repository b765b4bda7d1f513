"""What there is of R here, in which version, and what installs the rest: data for ``doctor``.

R is only asked in child processes, each under a time limit; this process loads nothing of it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from harness.engines.r.cache import LIMIT_BYTES, OFF, VARIABLE, cache_folder, cache_size
from harness.engines.r.channel import Channel
from harness.engines.r.home import INSTALL_RPY2, child_environment, find_r
from harness.errors import ReferenceUnavailable

Kind = Literal["R", "R package", "Python package", "library", "channel", "cache"]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing the R side uses.

    Attributes:
        name: e.g. ``lme4``.
        kind: what sort of thing it is.
        version: None when it is missing or does not work.
        needed: whether the reference cannot run without it.
        install: the command that installs it; empty when there is nothing to do.
        note: what it is for, or why it does not work.
    """

    name: str
    kind: Kind
    version: str | None
    needed: bool
    install: str = ""
    note: str = ""

    @property
    def present(self) -> bool:
        """Whether it is there and works."""
        return self.version is not None


@dataclass(frozen=True, slots=True)
class _Package:
    name: str
    debian: str
    needed: bool
    note: str


_PACKAGES = (
    _Package("lme4", "r-cran-lme4", True, "mixed models"),
    _Package("lmerTest", "r-cran-lmertest", True, "Satterthwaite degrees of freedom"),
    _Package("numDeriv", "r-cran-numderiv", True, "polishing the optimum"),
    _Package("digest", "r-cran-digest", True, "hashes of the model matrix"),
    _Package("pbkrtest", "r-cran-pbkrtest", False, "Kenward-Roger degrees of freedom"),
    _Package("jsonlite", "r-cran-jsonlite", False, "Rscript r_reference/run.R"),
    _Package("emmeans", "r-cran-emmeans", False, "estimated marginal means"),
    _Package("nlme", "r-cran-nlme", False, "repeated measures without random effects"),
    _Package("glmmTMB", "r-cran-glmmtmb", False, "a second reference"),
    _Package("survival", "r-cran-survival", False, "outcomes below a limit of detection"),
    _Package("sandwich", "r-cran-sandwich", False, "robust errors of linear models"),
    _Package("clubSandwich", "r-cran-clubsandwich", False, "errors robust to clusters"),
    _Package("mice", "r-cran-mice", False, "multiple imputation"),
    _Package("HSAUR3", "r-cran-hsaur3", False, "the Beat the Blues data"),
)
_RPY2 = ("rpy2", "rpy2-rinterface", "rpy2-robjects")


def installed(timeout: float = 60.0) -> tuple[Part, ...]:
    """Every part of the R side, present or missing.

    Args:
        timeout: seconds R may take to say what it has, and again to start embedded.
    """
    home: Path | None = None
    reason, said = "", dict[str, str]()
    try:
        home = find_r()
        said = _inventory(home, timeout)
    except ReferenceUnavailable as error:
        reason = str(error)
    parts = [
        Part(
            "R",
            "R",
            said.get("R"),
            needed=True,
            install="" if "R" in said else "apt-get install r-base-core",
            note=reason,
        )
    ]
    parts += [
        Part(name, "library", said.get(name), needed=False, note="single-threaded in the worker")
        for name in ("BLAS", "LAPACK")
        if name in said
    ]
    parts += [
        Part(
            package.name,
            "R package",
            said.get(package.name),
            package.needed,
            "" if package.name in said else f"apt-get install {package.debian}",
            package.note,
        )
        for package in _PACKAGES
    ]
    parts += [_python_package(name) for name in _RPY2]
    parts += [_channel(parts, timeout), kept_answers()]
    return tuple(parts)


def _inventory(home: Path, timeout: float) -> dict[str, str]:
    script = Path(__file__).with_name("inventory.R")
    names = [package.name for package in _PACKAGES]
    try:
        asked = subprocess.run(
            [str(home / "bin" / "Rscript"), "--vanilla", str(script), *names],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            env=child_environment(home),
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ReferenceUnavailable(f"R is in {home} but does not run: {error}") from error
    return {
        name: version
        for name, tab, version in (line.partition("\t") for line in asked.stdout.splitlines())
        if tab
    }


def _python_package(name: str) -> Part:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Part(name, "Python package", None, needed=True, install=INSTALL_RPY2)
    return Part(name, "Python package", version, needed=True)


def _channel(parts: list[Part], timeout: float) -> Part:
    """Whether R really starts inside a worker: versions that are there need not load together."""
    name = "R in a worker"
    if missing := [part.name for part in parts if part.needed and not part.present]:
        return Part(name, "channel", None, needed=True, note=f"waits for {', '.join(missing)}")
    channel = Channel(timeout=timeout, start_timeout=timeout)
    try:
        channel.start()
    except ReferenceUnavailable as error:
        return Part(name, "channel", None, needed=True, install=INSTALL_RPY2, note=str(error))
    finally:
        channel.close()
    return Part(name, "channel", "works", needed=True)


def kept_answers() -> Part:
    """Where R's answers are kept between runs, and how much there is."""
    name = "answers of R kept"
    folder = cache_folder()
    if folder is None:
        return Part(
            name, "cache", "none", needed=False, note=f"{VARIABLE}={OFF}, or no home folder"
        )
    size = cache_size(folder)
    told = f"{size.answers}, {size.bytes / 1e6:.2f} of {LIMIT_BYTES / 1e6:.0f} MB"
    return Part(name, "cache", told, needed=False, note=str(folder))
