"""Where the R side of the harness is, and what exactly it says."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import ReferenceUnavailable


def scripts_folder() -> Path:
    """The folder of the R scripts: inside an installed package, else beside it in a checkout.

    Raises:
        ReferenceUnavailable: when neither holds them.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "r_reference", package.parent / "r_reference"):
        if (folder / "run.R").is_file():
            return folder
    raise ReferenceUnavailable(
        "the R scripts (r_reference/*.R) are missing from this installation of lmm-harness; "
        "install it again"
    )


def scripts_sha256(folder: Path | None = None) -> str:
    """One hash of every R script: names and bytes, in order of name."""
    digest = hashlib.sha256()
    for script in sorted((folder or scripts_folder()).glob("*.R"), key=lambda path: path.name):
        content = script.read_bytes()
        digest.update(f"{script.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
