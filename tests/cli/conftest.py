"""Running the command line in this process, and studies to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli.main import status

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said and how it left."""

    code: int
    out: str
    err: str


Run = Callable[..., Told]


@pytest.fixture
def harness(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``harness ARGUMENTS...``; no error may show a traceback."""

    def run(*arguments: str | Path) -> Told:
        code = status([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err + captured.out
        return Told(code, captured.out, captured.err)

    return run


@dataclass(frozen=True, slots=True)
class StudyCopy:
    """A copy of a shipped study that a test may damage."""

    folder: Path
    suite: Path
    name: str

    @property
    def plan(self) -> Path:
        return self.folder / "plan.yaml"

    @property
    def data(self) -> Path:
        return self.folder / f"{self.name}.csv"

    def edit(self, path: Path, old: str, new: str, count: int = 1) -> None:
        """Replace text that must be there; data edits lift the pin on the data's hash."""
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        path.write_text(text.replace(old, new, count), encoding="utf-8")
        if path == self.data:
            self.unpin()

    def unpin(self) -> None:
        lines = self.plan.read_text(encoding="utf-8").splitlines(keepends=True)
        self.plan.write_text(
            "".join(line for line in lines if "sha256:" not in line), encoding="utf-8"
        )


@pytest.fixture
def study(tmp_path: Path) -> Callable[[str], StudyCopy]:
    """Copy a shipped study, with its suite where the plan looks for it."""

    def copy(name: str) -> StudyCopy:
        folder = tmp_path / "fixtures" / name
        shutil.copytree(FIXTURES / name, folder)
        suite = tmp_path / "expectations" / f"{name}.json"
        suite.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "expectations" / f"{name}.json", suite)
        return StudyCopy(folder, suite, name)

    return copy
