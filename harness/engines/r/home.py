"""Finding R without starting it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness.errors import ReferenceUnavailable

INSTALL_R = (
    "apt-get install r-base-core r-cran-lme4 r-cran-lmertest r-cran-pbkrtest r-cran-numderiv "
    "r-cran-jsonlite r-cran-digest"
)
INSTALL_RPY2 = "pip install 'rpy2==3.6.6' 'rpy2-rinterface==3.6.5' 'rpy2-robjects==3.6.6'"


def find_r(timeout: float = 20.0) -> Path:
    """R's home folder, from ``R_HOME`` or from the ``R`` on the ``PATH``.

    Raises:
        ReferenceUnavailable: when there is no R, with the command that installs it.
    """
    named = os.environ.get("R_HOME")
    if named:
        if (Path(named) / "bin" / "R").is_file():
            return Path(named)
        raise ReferenceUnavailable(f"R_HOME is {named}, but there is no R: correct or unset it")
    command = shutil.which("R")
    if command is None:
        raise ReferenceUnavailable(f"R is not installed (no `R` on the PATH): {INSTALL_R}")
    try:
        asked = subprocess.run(
            [command, "RHOME"],
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ReferenceUnavailable(f"`{command} RHOME` does not say where R is: {error}") from error
    home = Path(asked.stdout.strip().splitlines()[-1] if asked.stdout.strip() else "")
    if not (home / "bin" / "R").is_file():
        raise ReferenceUnavailable(f"`{command} RHOME` says {home}, where there is no R")
    return home


def child_environment(home: Path) -> dict[str, str]:
    """The environment of a process that runs R: one BLAS thread, UTF-8 text, byte-wise sorting."""
    package = str(Path(__file__).resolve().parents[3])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        **os.environ,
        "R_HOME": str(home),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "BLIS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "en",
        "PYTHONPATH": os.pathsep.join(paths),
    }
