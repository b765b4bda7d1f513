"""The pytest plugin: hold any mixed-model port against an R reference.

Installed with the package, so that a project's own tests can say::

    def test_my_port(r_reference, assert_equivalent):
        reference = r_reference("y ~ arm * time + (1 | id)", data)
        assert_equivalent(my_estimates, reference)

The reference is fitted in R when R is there, else replayed from the records in the folder
that the ini option ``harness_records`` names; ``pytest --harness-record`` (re)writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.models.record import Estimates

AssertEquivalent = Callable[..., None]
ReferenceFor = Callable[..., "Estimates"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    parser.addini(
        "harness_records",
        "folder of recorded R references, relative to the root folder",
        default="tests/reference",
    )
    parser.getgroup("harness").addoption(
        "--harness-record",
        action="store_true",
        help="fit every r_reference afresh in R and write its record",
    )


@pytest.fixture(scope="session")
def r_reference(pytestconfig: pytest.Config) -> Iterator[ReferenceFor]:
    """A function (formula, data, *, reml, df) -> Estimates of the R reference.

    Live R when it starts, else the record of exactly that model on exactly those data. With
    neither the test errors: a comparison that silently does not happen is worse than a red one.
    """
    from harness.engines.session import SessionReference

    folder = Path(pytestconfig.rootpath) / str(pytestconfig.getini("harness_records"))
    session = SessionReference(folder, record=bool(pytestconfig.getoption("--harness-record")))
    try:
        yield session.fit
    finally:
        session.close()


@pytest.fixture(scope="session")
def assert_equivalent() -> AssertEquivalent:
    """A function (mine, reference) that fails with the red rows of the diff table."""

    def check(mine: Any, reference: Any) -> None:
        __tracebackhide__ = True
        from harness.compare.model import compare_model
        from harness.compare.table import DiffTable
        from harness.models.spec import ModelKey
        from harness.report.failure import counts_line, failure_lines

        left, right = _estimates(mine), _estimates(reference)
        key = ModelKey("pytest", "", left.formula.partition("~")[0].strip())
        table = DiffTable(compare_model(key, left, right, None))
        if table.exit_code != 0:
            told = [counts_line(table.counts), *failure_lines(table.rows)]
            pytest.fail("\n".join(told), pytrace=False)

    return check


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
