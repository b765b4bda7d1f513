"""The tree says what it does: data flow one way, small files, every folder explained."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "harness"
FLOW = (
    "errors",
    "atomic",
    "plain",
    "spreadsheet",
    "strict_json",
    "side_by_side",
    "language",
    "scoring",
    "plan",
    "data",
    "gate",
    "sets",
    "models",
    "engines",
    "estimates",
    "compare",
    "report",
)
# They string the steps together and may use all of them.
ABOVE_ALL = {
    *("pipeline", "planned_power", "recording", "record_check", "provenance"),
    *("cli", "pytest_plan", "pytest_plugin", "__init__", "__main__"),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def step_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_steps(source: str) -> set[str]:
    """First folder below ``harness`` of every import in the file, inside functions too."""
    steps = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "harness" and len(parts) > 1:
                steps.add(parts[1])
    return steps


def wrong_imports(step: str, source: str) -> set[str]:
    allowed = set(FLOW[: FLOW.index(step) + 1])
    return imported_steps(source) - allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_imports_a_later_step(path: Path) -> None:
    step = step_of(path)
    if step in ABOVE_ALL:
        return
    assert step in FLOW, f"{path.relative_to(ROOT)} is in no step of the data flow"
    late = wrong_imports(step, path.read_text(encoding="utf-8"))
    assert not late, f"{path.relative_to(ROOT)} ({step}) imports later steps: {sorted(late)}"


def test_a_late_import_is_seen_even_inside_a_function() -> None:
    source = "def f():\n    from harness.report.terminal import render_diff\n"
    assert wrong_imports("gate", source) == {"report"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_stay_readable(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 330, f"{path.relative_to(ROOT)} has {lines} lines: carve a concept out"


@pytest.mark.parametrize(
    "folder", [p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()]
)
def test_every_folder_is_explained(folder: str) -> None:
    page = (PACKAGE / "README.md").read_text(encoding="utf-8")
    assert f"| `{folder}/` |" in page, f"harness/{folder} is missing in harness/README.md"


def test_importing_the_package_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = (
        "great_expectations",
        "rpy2",
        "statsmodels",
        "matplotlib",
        "formulaic",
        "scipy",
        "pandas",
    )
    code = (
        "import sys, harness, harness.pytest_plugin;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"
