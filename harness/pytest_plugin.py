"""The pytest plugin: hold any mixed-model port, or a whole plan, against an R reference.

Installed with the package, so that a project's own tests can say::

    def test_my_port(r_reference, assert_equivalent):
        reference = r_reference("y ~ arm * time + (1 | id)", data)
        assert_equivalent(my_estimates, reference)

The reference is fitted in R when R is there, else replayed from the records in the folder
that the ini option ``harness_records`` names; ``pytest --harness-record`` (re)writes them, and
``--harness-reference live|recorded`` leaves no choice.

``pytest --harness-plan plan.yaml`` adds the plan's gate and each of its models as tests of their
own, named ``study/gate`` and ``study/analysis/set/outcome``; with the plan as the argument, too,
nothing else is run.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.engines.session import SessionReference
    from harness.models.record import Estimates

AssertEquivalent = Callable[..., None]
ReferenceFor = Callable[..., "Estimates"]

MARKERS = {
    "live_r": "needs R with the packages `harness doctor` lists; skipped where there is none",
    "recorded": "replays recorded references, needs no R",
    "truth": "against closed forms or high-precision truth",
    "exhaustive": "minutes or hours",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    parser.addini(
        "harness_records",
        "folder of recorded R references, relative to the root folder",
        default="tests/reference",
    )
    group = parser.getgroup("harness")
    group.addoption(
        "--harness-record",
        action="store_true",
        help="fit every r_reference afresh in R and write its record",
    )
    group.addoption(
        "--harness-reference",
        choices=("auto", "live", "recorded"),
        help="references from R or from records; default: R where it starts, or as a plan says",
    )
    group.addoption(
        "--harness-plan",
        action="append",
        default=[],
        metavar="PLAN",
        help="run a plan.yaml: one test for its gate and one for each of its models",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, unless the project does, and make the plans part of the run."""
    known = {line.partition(":")[0].strip() for line in config.getini("markers")}
    for name, meaning in MARKERS.items():
        if name not in known:
            config.addinivalue_line("markers", f"{name}: {meaning}")
    record, mode = config.getoption("harness_record"), config.getoption("harness_reference")
    if record and mode == "recorded":
        raise pytest.UsageError("--harness-record fits in R; --harness-reference recorded forbids")
    _configure_plans(config)


def _configure_plans(config: pytest.Config) -> None:
    from harness.pytest_plan import RUNS, PlanRun

    folder = config.invocation_params.dir
    plans = [(folder / given).resolve() for given in config.getoption("harness_plan")]
    for plan in plans:
        if not plan.is_file():
            raise pytest.UsageError(f"--harness-plan: there is no file {plan}")
    # Absolute from here on: the processes of a distributed run are handed these options.
    config.option.harness_plan = [str(plan) for plan in plans]
    mode = config.getoption("harness_reference")
    config.stash[RUNS] = {plan: PlanRun(plan, mode) for plan in plans}
    asked = {(folder / argument.partition("::")[0]).resolve() for argument in config.args}
    config.args.extend(str(plan) for plan in dict.fromkeys(plans) if plan not in asked)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The plans asked for, wherever they are; no other YAML file."""
    from harness.pytest_plan import RUNS, PlanFile

    if file_path not in parent.config.stash[RUNS]:
        return None
    made: pytest.Collector = PlanFile.from_parent(parent, path=file_path)
    return made


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the plans started."""
    from harness.pytest_plan import RUNS

    for run in config.stash.get(RUNS, {}).values():
        run.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip live tests where there is no R, saying so; with ``live`` asked for, they must run."""
    mode = item.config.getoption("harness_reference")
    if item.get_closest_marker("live_r") is None or mode == "live":
        return
    if mode == "recorded":
        pytest.skip("needs R, and --harness-reference recorded was given")
    if _why_no_r():
        pytest.skip(_why_no_r())


@cache
def _why_no_r() -> str:
    from harness.engines.r.home import find_r
    from harness.errors import ReferenceUnavailable

    try:
        find_r()
    except ReferenceUnavailable as error:
        return str(error)
    return ""


@pytest.fixture(scope="session")
def harness_references(pytestconfig: pytest.Config) -> Iterator[SessionReference]:
    """The session's references: R is started by the first question, and ended with the session."""
    from harness.engines.session import SessionReference

    folder = Path(pytestconfig.rootpath) / str(pytestconfig.getini("harness_records"))
    session = SessionReference(
        folder,
        record=bool(pytestconfig.getoption("harness_record")),
        mode=pytestconfig.getoption("harness_reference") or "auto",
    )
    try:
        yield session
    finally:
        session.close()


@pytest.fixture(scope="session")
def r_reference(harness_references: SessionReference) -> ReferenceFor:
    """A function (formula, data, *, reml, df) -> Estimates of the R reference.

    Live R when it starts, else the record of exactly that model on exactly those data. With
    neither the test errors: a comparison that silently does not happen is worse than a red one.
    """
    return harness_references.fit


@pytest.fixture(scope="session")
def assert_equivalent(
    pytestconfig: pytest.Config, harness_references: SessionReference
) -> AssertEquivalent:
    """A function (mine, reference) that fails with the red rows of the diff table.

    Of a reference that ``r_reference`` gave, the question and the data are known: a red row then
    names the one change to them that gives the numbers of the side that is off.
    """

    def check(mine: Any, reference: Any) -> None:
        __tracebackhide__ = True
        from harness.compare.causes import Asked
        from harness.compare.diagnose import diagnosed
        from harness.compare.model import compare_model
        from harness.compare.table import DiffTable
        from harness.models.spec import ModelKey
        from harness.report.failure import counts_line, failure_lines

        left, right = _estimates(mine), _estimates(reference)
        key = ModelKey("", "", left.formula.partition("~")[0].strip())
        rows = compare_model(key, left, right, None)
        known = harness_references.question(right)
        if known is not None:
            rows = diagnosed(rows, Asked(*known), left, right)
        table = DiffTable(rows)
        if table.exit_code != 0:
            told = [counts_line(table.counts), *failure_lines(table.rows), *_repeat(pytestconfig)]
            pytest.fail("\n".join(told), pytrace=False)

    return check


def _repeat(config: pytest.Config) -> list[str]:
    """The line that says how to run the current test alone."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    if not test:
        return []
    mode = config.getoption("harness_reference")
    options = ["--harness-reference", mode] if mode else []
    return [f"reproduce: {shlex.join(['pytest', test, *options])}"]


def _estimates(given: Any) -> Estimates:
    """Estimates from themselves, from a Fit, or from a file of ``harness fit --json``."""
    from harness.models.record import Estimates

    if isinstance(given, Estimates):
        return given
    if isinstance(given, (str, Path)):
        from harness.estimates.files import read_fit

        return read_fit(Path(given))
    estimates = getattr(given, "estimates", None)
    if callable(estimates):
        answer = estimates()
        if isinstance(answer, Estimates):
            return answer
    raise TypeError(f"expected Estimates, a Fit or a JSON file, got {type(given).__name__}")
