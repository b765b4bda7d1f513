"""Which R this is, bit by bit, told without starting it.

The first time, R itself says what it consists of: the shared libraries mapped into its process and
the files of every package loaded. Their contents are hashed into an identity. From then on the
state of those files (size, times, where links lead) and of the places that could put others before
them says whether it is still the same R; if anything moved, R is started and asked again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.atomic import write_text
from harness.engines.r.channel import Parts
from harness.engines.r.home import child_environment
from harness.strict_json import NotStrictJson, parse_json, regular_bytes

FORMAT = 1
_VARIABLES = ("R_", "LD_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "OMP_", "KMP_", "GLIBC_", "LC_")
"""Beginnings of variables that choose libraries, threads, instructions or locale."""
_CPU = ("vendor_id", "cpu family", "model", "model name", "flags", "Features", "CPU part")
_SYSTEM = ("/etc/ld.so.cache", "/etc/ld.so.preload")
"""Where the loader would be told of other libraries."""

State = tuple[str, int, int, int]
"""Where links lead, size, times of change of content and of status; an absent file is all zero."""
_ABSENT: State = ("", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Installation:
    """An R whose every part is known.

    Attributes:
        identity: SHA-256 of what computes: settings, versions, contents of every file.
        versions: what R said of itself: R, packages, BLAS, locale.
        states: file or folder -> its state when the identity was taken.
    """

    identity: str
    versions: dict[str, str]
    states: dict[str, State]

    @property
    def unchanged(self) -> bool:
        """Whether every file is as it was, and nothing can have come before any of them."""
        return all(_state(path) == state for path, state in self.states.items())


def settings(home: Path) -> dict[str, Any]:
    """What besides the files of R could move a bit: variables, processor, the code in between.

    Args:
        home: R's home folder.
    """
    inherited = child_environment(home)
    return {
        "format": FORMAT,
        "home": str(home),
        "variables": {
            name: value
            for name, value in sorted(inherited.items())
            if name.startswith(_VARIABLES) and name != "R_SESSION_TMPDIR"
        },
        "user": os.path.expanduser("~"),
        "python": [sys.prefix, platform.python_version()],
        "rpy2": {name: _version(name) for name in ("rpy2", "rpy2-rinterface", "cffi")},
        "machine": [platform.machine(), platform.system(), _processor()],
        "code": _sha256_of_all(sorted(Path(__file__).parent.glob("*.[pR]*"))),
    }


def known_installation(folder: Path, home: Path) -> Installation | None:
    """The installation as it was last learnt, if nothing of it has changed since.

    Args:
        folder: where installations are remembered.
        home: R's home folder.
    """
    try:
        raw = parse_json(regular_bytes(_file(folder, home)))
        found = Installation(
            str(raw["identity"]),
            {str(name): str(version) for name, version in raw["versions"].items()},
            {str(path): _as_state(*state) for path, state in raw["states"].items()},
        )
    except (OSError, NotStrictJson, KeyError, TypeError, ValueError, AttributeError):
        return None
    return found if raw.get("sha256") == _seal(found) and found.unchanged else None


def learn_installation(parts: Parts, versions: dict[str, str], home: Path) -> Installation | None:
    """Take the identity of an R that runs.

    Args:
        parts: what it consists of, as it said itself.
        versions: as it said itself.
        home: its home folder.

    Returns:
        None where a file cannot be read, or changed after that R was started: what runs is then
        not what lies there.
    """
    files = sorted({*parts.files, str(home / "bin" / "R"), str(home / "etc" / "Renviron")})
    watched = [*files, *parts.folders, *_SYSTEM]
    states = {path: _state(path) for path in dict.fromkeys(watched)}
    if any(max(state[2:]) > parts.started for state in states.values()):
        return None
    there = [path for path in files if states[path] != _ABSENT]
    try:
        contents = {path: _sha256_of(Path(path)) for path in there}
    except OSError:
        return None
    identity = _sha256_of_json([settings(home), versions, contents])
    return Installation(identity, dict(versions), states)


def remember_installation(folder: Path, home: Path, installation: Installation) -> None:
    """Keep an installation for the next run.

    Raises:
        DataError: it cannot be written.
    """
    document = {**asdict(installation), "sha256": _seal(installation)}
    write_text(_file(folder, home), json.dumps(document, ensure_ascii=True) + "\n")


def forget_installation(folder: Path, home: Path) -> None:
    """Have R asked anew by the next run."""
    with suppress(OSError):
        _file(folder, home).unlink(missing_ok=True)


def _file(folder: Path, home: Path) -> Path:
    return folder / f"{_sha256_of_json(settings(home))[:32]}.json"


def _state(path: str) -> State:
    try:
        real = os.path.realpath(path)
        found = os.stat(real)
    except OSError:
        return _ABSENT
    # A folder's size says nothing; its time of change says that a package came, went or changed.
    size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return (real, size, found.st_mtime_ns, found.st_ctime_ns)


def _as_state(real: str, size: int, modified: int, changed: int) -> State:
    return (str(real), int(size), int(modified), int(changed))


def _processor() -> str:
    """The first processor's model and instruction sets: libraries choose their code by them."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    lines = first.partition("\n\n")[0].splitlines()
    return hashlib.sha256(
        "\n".join(line for line in lines if line.partition("\t")[0].strip() in _CPU).encode()
    ).hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha256_of_all(paths: Iterable[Path]) -> str:
    return _sha256_of_json({path.name: _sha256_of(path) for path in paths})


def _sha256_of_json(value: Any) -> str:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(plain.encode("ascii")).hexdigest()


def _seal(installation: Installation) -> str:
    return _sha256_of_json(asdict(installation))
