"""Fits and tables of mixed models beside lme4, lmerTest and pbkrtest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pandas as pd
from peers import others
from row import Row
from timing import ROUNDS, beside, r_seconds
from workloads import (
    PASTES,
    RATINGS,
    SLOPES,
    TRIAL,
    WAVES,
    classic,
    evaluations,
    two_wave,
    visits,
)

import harness
from harness.engines.port.fit import Fit

REFERENCE = {
    "fit": "lme4",
    "summary": "lmerTest",
    "kenward-roger": "pbkrtest",
    "table": "pbkrtest",
}


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the table.

    Attributes:
        name: what is timed.
        data: makes the frame.
        formula: lme4 syntax.
        factors: columns R must make factors of.
        ratio: how many times faster than R the port must be.
        what: ``fit``, ``summary`` for the fit and its Satterthwaite table, ``kenward-roger`` for
            the fit and that table, ``table`` for that table of a fit made before.
        repetitions: of R's; 0 where R cannot do the work at all.
        most: most the port may take, in seconds.
    """

    name: str
    data: Callable[[], pd.DataFrame]
    formula: str
    factors: tuple[str, ...]
    ratio: float
    what: str = "fit"
    repetitions: int = 15
    most: float | None = None


sleepstudy = partial(classic, "sleepstudy", "Subject")
pastes = partial(classic, "Pastes", "batch", "cask", "sample")
clinic = partial(visits, 225, 4, 0.2, 1, False)
register = partial(visits, 100_000, 5, 0.5, 2, False)
NEST = ("batch", "cask", "sample")
CROSSED = ("service", "s", "d", "dept")

JOBS = (
    Job("sleepstudy, slopes: fit", sleepstudy, SLOPES, ("Subject",), 20),
    Job("sleepstudy, slopes: and summary", sleepstudy, SLOPES, ("Subject",), 70, "summary"),
    Job("trial 70 x 2: fit", two_wave, TRIAL, ("id",), 20),
    Job("trial 70 x 2: and summary", two_wave, TRIAL, ("id",), 70, "summary"),
    Job("Pastes, nested: fit", pastes, PASTES, NEST, 3),
    Job("225 patients x 4, slopes: fit", clinic, WAVES, ("id",), 20),
    Job("225 x 4: Kenward-Roger table", clinic, WAVES, ("id",), 300, "table", 3),
    Job("225 x 4: fit and K.-R.", clinic, WAVES, ("id",), 100, "kenward-roger", 3),
    Job(
        "225,000 x 4: fit and K.-R.",
        partial(visits, 225_000, 4, 0.2, 3, False),
        WAVES,
        ("id",),
        0,
        "kenward-roger",
        0,
        2.0,
    ),
    Job("InstEval, three crossed: fit", evaluations, RATINGS, CROSSED, 15, repetitions=1),
    Job("100,000 patients x 4-5: fit", register, WAVES, ("id",), 25, repetitions=1),
    Job(
        "100,000 at own times: fit",
        partial(visits, 100_000, 5, 0.5, 2, True),
        WAVES,
        ("id",),
        0,
        repetitions=1,
    ),
)


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """The rows whose names are wanted, R timed directly before the port."""
    for job in JOBS:
        if wanted(job.name):
            yield _row(job)


def _row(job: Job) -> Row:
    frame = job.data()
    made = harness.lmer(job.formula, frame)

    def run() -> None:
        if job.what == "table":  # a new object, because a fit remembers what it was asked
            Fit(made.design, made._problem, made._search).summary("kenward-roger")
            return
        fit = harness.lmer(job.formula, frame)
        if job.what == "fit":
            _ = fit.beta, fit.theta, fit.sigma
        else:
            fit.summary("kenward-roger" if job.what == "kenward-roger" else "satterthwaite")

    def there() -> float:
        return r_seconds(frame, job.formula, job.factors, job.what, job.repetitions)

    rounds = (
        1 if job.repetitions == 1 else ROUNDS
    )  # what takes seconds sees many moods of the machine
    port, r = beside(run, there if job.repetitions else None, rounds)
    return Row(
        job.name,
        len(frame),
        port,
        r,
        REFERENCE[job.what] if r is not None else "pbkrtest: n x n",
        job.ratio,
        job.most,
        others=others(job.formula, frame, made) if job.what == "fit" else {},
    )
